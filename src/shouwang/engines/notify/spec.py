"""What the notify engine says happened; it reads no declarations of its own."""

from shouwang.kernel import events

events.declares(
    notify__told="通知到人",
    notify__nobody_to_tell="没有可通知的账号",
    notify__called="呼叫值守岗位",
    notify__nobody_on_duty="岗位无人在岗",
    notify__read_back="值守人员已复诵",
    notify__unanswered="到时未复诵",
    notify__undelivered="外部渠道发送失败,停止重试",
    notify__hook_registered="登记回调地址",
    notify__post_made="设立值守岗位",
    notify__shift_added="排班",
    notify__shift_replaced="换班",
    notify__week_copied="复制一周排班",
)

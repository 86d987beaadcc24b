"""The verbs of the command, each a module of this folder."""

VERBS = {
    "up": "启动守望(接入、研判、网页、历史,演示城市)",
    "check": "检查全部声明(场景、目录、联动),并给出改法",
    "explain": "解释一条报警、事项、事件或规则的来龙去脉",
    "new": "生成新场景的骨架",
    "replay": "把记录文件当作网关经 MQTT 重放",
    "decode": "解码抓取的协议报文(JSON 行)",
    "evidence": "导出一条报警的证据文件,或核对全部报警的变化记录",
    "verify": "离线核验证据文件",
    "backtest": "把规则或限值的改动放到历史数据上回放,看会报多少",
    "major_hazard": "按 GB 18218-2018 辨识并分级",
    "ingest": "接入进程(由 up 启动)",
    "beat": "研判落库与时限进程(由 up 启动)",
    "web": "网页进程(由 up 启动)",
    "history": "历史归档进程(由 up 启动)",
    "simulate": "演示城市的模拟网关(由 up 启动)",
    "seed": "生成演示城市(由 up 启动)",
    "reference": "由声明生成参考文档",
    "messages": "编译英文界面文本",
}

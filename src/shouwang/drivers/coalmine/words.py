"""The dictionaries of MT/T 1201.1-2023 and 1201.3-2023 (42号文 附件1, 附件2), appendix B."""

ALARM, CUT, CALIBRATION, OVER_RANGE, STATION_FAULT, NOT_POLLED, PAUSED, SENSOR_FAULT = (1 << n for n in range(8))
STATUS = {ALARM: "报警", CUT: "断电", CALIBRATION: "标校", OVER_RANGE: "超量程", STATION_FAULT: "分站故障",
          NOT_POLLED: "不巡检", PAUSED: "暂停", SENSOR_FAULT: "传感器故障"}
KNOWN = sum(STATUS)

SENSORS = {
    "0001": "环境瓦斯", "0002": "风速", "0003": "环境温度", "0004": "一氧化碳", "0005": "风压", "0006": "负压",
    "0007": "水池水位", "0008": "煤位", "0009": "硫化氢", "0010": "水温度", "0011": "高低浓度瓦斯", "0012": "氧气",
    "0013": "二氧化碳", "0014": "粉尘", "0015": "电压", "0016": "频率", "0017": "电流", "0018": "湿度",
    "0019": "风量", "0020": "顶板离层位移", "0021": "坝体位移", "0022": "管道瓦斯", "0023": "管道温度",
    "0024": "水质", "0025": "管道压力", "0026": "轴承温度", "0027": "噪声", "0028": "电机温度", "0029": "水库水位",
    "0030": "浸润线", "0031": "降雨量", "0032": "液压压力", "0033": "围岩应力", "0034": "钻孔应力",
    "0035": "锚杆应力", "0036": "混合瓦斯流量", "0037": "纯瓦斯流量", "0038": "管道一氧化碳", "0039": "氢气",
    "0040": "管道流量", "0041": "二氧化氮", "0042": "二氧化硫", "0043": "激光甲烷", "0044": "氨气",
    "0045": "氮气", "0046": "乙烯", "0047": "乙烷", "0048": "压强", "0049": "液位", "0050": "物位",
    "0051": "开度", "0052": "高度", "0053": "流量",
    "1001": "局部通风机", "1002": "风门", "1003": "风筒状态", "1004": "设备开停", "1005": "开关", "1006": "风向",
    "1007": "煤仓空满", "1008": "烟雾", "1009": "断电器", "1010": "主通风机", "1011": "馈电器",
    "1012": "声光报警器", "1013": "计量开停控制器", "1014": "控制量", "1015": "馈电",
    "3001": "产量", "3002": "瓦斯抽放量", "3003": "排水量", "3004": "钩数", "3005": "水流量",
    "4001": "分站", "4002": "电源状态",
}
KINDS = {"001": "超限报警", "002": "断电报警", "003": "馈电异常", "004": "传感器断线", "005": "基站断电",
         "006": "基站不通", "007": "标校", "008": "超量程", "009": "超上限预警", "010": "超下限预警"}
RELATIONS = {"B": "闭锁", "G": "风门", "K": "控制", "H": "保护", "Z": "主备", "D": "断电", "T": "调节"}
SUBSTATION_RUN = {"0": "通信正常", "1": "通信中断", "2": "故障", "9": "未知"}
STATION_RUN = {"0": "通讯正常", "1": "通讯中断", "2": "故障", "9": "未知"}
POWER = {"0": "直流供电", "1": "交流供电", "2": "电源故障", "9": "未知"}
SOS = "求救"
PITHEAD, UNDERGROUND, OUT = "0", "1", "2"


def bits(status: int) -> list[str]:
    """The words of a status bit set, lowest bit first; bits the standard does not define are told by their value."""
    return [STATUS.get(1 << n, str(1 << n)) for n in range(status.bit_length()) if status >> n & 1]


def relations(text: str) -> list[dict[str, str]]:
    """`D-point-name:K-point…` groups joined by `◇`: both ends of each relation, with their words."""
    found = []
    for group in filter(None, text.split("◇")):
        ends = [end.split("-", 2) for end in group.split(":")]
        for kind, point, *name in (e for e in ends if len(e) > 1):
            found.append({"relation": RELATIONS.get(kind, kind), "point": point, "name": name[0] if name else ""})
    return found

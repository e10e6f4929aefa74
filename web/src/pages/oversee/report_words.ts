// The words that reports are shown in: cells of fixed lists, and what their pictures say.

import type { Both } from "../../words";

const both = (zh: string, en: string): Both => ({ zh, en });

export const w = {
  yes: both("是", "Yes"),
  no: both("否", "No"),
  denials: both("按条款", "By article"),
  heat: both("逐日保存情况", "Keeping day by day"),
  heatNote: both("每格为一台摄像机的一天,颜色为已录比例;× 为未达法定期限。", "A cell is a camera's day, its colour the share on disk; × marks a day that lost something before its floor."),
  heatCell: both("{camera},{day}:已录 {share} %{lost}", "{camera}, {day}: {share} % on disk{lost}"),
  heatLost: both(",未达法定期限", ", floor not met"),
};

/** Words that stand in cells of reports. JSON has the English. */
export const CELLS: Record<string, Both> = {
  staff_statement: both("个人责任书", "staff statement"),
  unit_statement: both("单位责任书", "unit statement"),
  waived: both("免于接入", "waived"),
  changed: both("变更", "changed"),
  enrolled: both("登记", "enrolled"),
  removed: both("注销", "removed"),
  playback_stream: both("回放视频流", "playback stream"),
  live_stream: both("实时视频流", "live stream"),
  file: both("文件", "file"),
  online: both("在线", "online"),
  offline: both("离线", "offline"),
  connecting: both("连接中", "connecting"),
  training: both("培训", "training"),
  filed: both("已备案", "filed"),
  connected: both("已接入", "connected"),
  overdue: both("已逾期", "overdue"),
  should_connect: both("应接未接", "should connect"),
  to_file: both("待备案", "to file"),
  device_status: both("设备状态", "device status"),
  grant: both("资源授权", "grant"),
  gb_code: both("GB/T 28181 编码", "GB/T 28181 code"),
  attended: both("到岗", "attended"),
  missed: both("缺岗", "missed"),
  not_over: both("未结束", "not over"),
  no_working_day: both("非工作日", "no working day"),
  ready: both("正常", "ready"),
  failed: both("失效", "failed"),
  away: both("不在线", "away"),
  foreign: both("不属本设备", "foreign"),
  ordinary: both("一般(≥30天)", "ordinary (≥ 30 days)"),
  key_target: both("重点目标(≥90天)", "key target (≥ 90 days)"),
  voluntary: both("自愿", "voluntary"),
};

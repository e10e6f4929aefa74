// The recorder's words for why a stretch is missing, in the language of whoever reads them.

import type { Both } from "../../words";

const REASONS: Record<string, Both> = {
  connecting: { zh: "正在连接", en: "connecting" },
  updated: { zh: "点位资料变更,重新连接", en: "camera changed, reconnecting" },
  refused: { zh: "摄像机拒绝连接", en: "connection refused" },
  unreachable: { zh: "网络不可达", en: "unreachable" },
  timeout: { zh: "连接超时", en: "timed out" },
  dns: { zh: "域名无法解析", en: "name not found" },
  auth_failed: { zh: "摄像机登录被拒", en: "login refused by the camera" },
  busy: { zh: "摄像机连接数已满", en: "camera busy" },
  not_found: { zh: "摄像机没有该码流", en: "no such stream" },
  closed_by_camera: { zh: "摄像机断开连接", en: "closed by the camera" },
  stalled_video: { zh: "视频停滞", en: "video stalled" },
  no_media: { zh: "没有媒体数据", en: "no media" },
  unsupported_codec: { zh: "编码不受支持", en: "codec not supported" },
  bad_sdp: { zh: "会话描述有误", en: "bad description" },
  protocol: { zh: "协议错误", en: "protocol fault" },
  crash: { zh: "设备异常中断(断电或崩溃)", en: "appliance crashed or lost power" },
  shutdown: { zh: "设备停机", en: "appliance was stopped" },
  stopped: { zh: "录像被停止", en: "recording was stopped" },
  removed: { zh: "点位已移出目录", en: "camera left the catalogue" },
  no_frames: { zh: "没有可录制的画面", en: "nothing to record" },
  disk_slow: { zh: "磁盘跟不上", en: "disk too slow" },
  disk_full: { zh: "存储卷已满", en: "volume full" },
  volume_failed: { zh: "存储卷写入失败", en: "writing failed" },
  volume_away: { zh: "存储卷不在线", en: "volume is away" },
  no_room: { zh: "没有可用的存储空间", en: "no room left" },
  reader_lag: { zh: "录像滞后", en: "recorder fell behind" },
  no_keyframe: { zh: "长时间没有关键帧", en: "no keyframe" },
  unwritable: { zh: "参数无法写入文件", en: "cannot be written" },
  damaged: { zh: "录像文件损坏", en: "file damaged" },
  deleted: { zh: "已按规定删除", en: "deleted by rule" },
  unknown: { zh: "原因不明", en: "unknown" },
};

/** The words for a reason; the recorder's own where it is a new one. */
export function reasonWords(reason: string): Both {
  return REASONS[reason] ?? { zh: reason, en: reason.replaceAll("_", " ") };
}

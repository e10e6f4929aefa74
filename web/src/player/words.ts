// What the player says: why a picture ended, and what it does in between.

import type { Both } from "../words";

/** The reasons that the relay gives for an end. */
export const ENDINGS: Record<string, Both> = {
  user: { zh: "会话已由您本人结束。", en: "You ended the session." },
  idle: { zh: "长时间无人操作,会话已结束。", en: "The session ended because nothing was done for a long time." },
  expired: { zh: "会话到期,未续时。", en: "The session's time ran out and it was not renewed." },
  revoked: { zh: "会话或其授权已被收回。", en: "The session, or the grant that it stood on, was revoked." },
  suspended: { zh: "授权、单位或账号已被暂停,会话随之结束。", en: "The grant, the unit or the account was suspended, and the session with it." },
  preempted: { zh: "应急处置优先,会话已让出。", en: "An emergency has priority; the session gave way." },
  camera_lost: { zh: "摄像机断线,或视频参数已改变。", en: "The camera was lost, or its video has changed." },
  too_slow: { zh: "网络或本机太慢,跟不上实时画面。", en: "The network or this device is too slow for the live picture." },
  network: { zh: "网络连接中断。", en: "The network connection broke." },
  anomaly: { zh: "使用异常,账号的查看已被暂停。", en: "Viewing was suspended for unusual use." },
  shutdown: { zh: "设备正在停机维护。", en: "The appliance is being shut down." },
  crash: { zh: "设备发生故障后重启。", en: "The appliance restarted after a fault." },
};

export const UNKNOWN_END: Both = { zh: "会话已结束({reason})。", en: "The session is over ({reason})." };

/** No way that this browser has shows what the camera sends. */
export const UNPLAYABLE: Both = {
  zh: "此浏览器无法播放该摄像机的编码({codec});请管理员启用 H.264 码流。",
  en: "This browser cannot play what the camera sends ({codec}); ask for an H.264 stream.",
};

export const NO_WAY: Both = {
  zh: "此浏览器既不支持媒体源扩展,也不支持 WebRTC。请换用较新的浏览器。",
  en: "This browser has neither media sources nor WebRTC. Use a newer one.",
};

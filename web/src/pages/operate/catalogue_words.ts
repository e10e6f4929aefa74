// The words of the catalogue's page: the fields of a camera, and what is done with it.

import type { Both } from "../../words";

const both = (zh: string, en: string): Both => ({ zh, en });

export const FIELDS: Record<string, Both> = {
  id: both("编号(有国标码的用国标码)", "Id (its GB/T 28181 code where it has one)"),
  name: both("名称", "Name"),
  source: both("主码流地址", "Address of the main stream"),
  sub_source: both("子码流地址", "Address of the sub stream"),
  transport: both("取流方式", "Transport"),
  resource_category: both("视频资源类别", "Resource category"),
  location_name: both("位置名称", "Location"),
  camera_type: both("摄像头类型", "Camera type"),
  construction_unit: both("建设单位", "Construction unit"),
  maintenance_unit: both("维护单位", "Maintenance unit"),
  contact: both("联系方式", "Contact"),
  area: both("区域", "Area"),
  owner: both("权属单位", "Owner"),
  retention_class: both("保存类别", "Retention class"),
  security_level: both("安全级别", "Security level"),
  username: both("摄像机用户名", "The camera's user name"),
  password: both("摄像机口令", "The camera's password"),
};

export const w = {
  title: both("视频资源目录", "Catalogue"),
  find: both("按名称、位置或编号查找", "Find by name, place or id"),
  enrol: both("登记摄像机", "Enrol a camera"),
  import: both("导入CSV", "Import CSV"),
  export: both("导出CSV", "CSV"),
  imported: both("已登记或更改 {count} 台,{unchanged} 台未变。", "{count} cameras enrolled or changed, {unchanged} as they were."),
  edit: both("更改", "Edit"),
  changed: both("已保存。", "Saved."),
  save: both("保存", "Save"),
  cancel: both("取消", "Cancel"),
  remove: both("移出目录", "Take out of the catalogue"),
  removed: both("已移出目录。", "It is out of the catalogue."),
  history: both("变更历史", "History"),
  version: both("版本", "Version"),
  by: both("何人", "Who"),
  at: both("时间", "When"),
  compare: both("与前一版比较", "Compare with the one before"),
  before: both("原为", "Was"),
  after: both("改为", "Became"),
  field: both("字段", "Field"),
  same: both("没有不同。", "Nothing differs."),
  back: both("返回目录", "Back to the catalogue"),
  needed: both("必填。", "Needed."),
  keptSecret: both("留空则不变。", "Left empty it stays as it is."),
  rtsp: both("应为 rtsp:// 地址。", "An rtsp:// address."),
  none: both("没有符合的摄像机。", "No camera fits."),
  nobody: both("未登记", "Not registered"),
  gone: both("移出", "Taken out"),
};

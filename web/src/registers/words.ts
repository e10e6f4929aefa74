// What the registers, their fields, their states and their steps are called. A test reads the API's description and fails on a word
// that is missing here.

import type { Both } from "../words";

const both = (zh: string, en: string): Both => ({ zh, en });

/** The registers by name: what each is called, and what it is for. */
export const REGISTERS: Record<string, { name: Both; about: Both }> = {
  "statement-texts": {
    name: both("责任书文本", "Statement texts"),
    about: both("安全保密责任书的各版文本。新版生效后,旧版签署随即失效。", "The texts that are signed, by version. A new one in force leaves every older signature void."),
  },
  "unit-statements": {
    name: both("单位责任书", "Unit statements"),
    about: both("各单位主要负责人签订的安全保密责任书(附件3)。", "Responsibility statements signed by the heads of units (Attachment 3)."),
  },
  "staff-statements": {
    name: both("人员责任书", "Staff statements"),
    about: both("工作人员与本单位签订的安全使用责任书。", "Responsibility statements between staff and their unit."),
  },
  "training-records": {
    name: both("培训记录", "Training"),
    about: both("驻席人员的培训记录;到期未培训者不得使用。", "Trainings of the staff; who is not trained may not view."),
  },
  "unit-suspensions": {
    name: both("单位停用", "Unit suspensions"),
    about: both("被停用的单位。停用期间其人员均不得查看视频。", "Units whose people may not view for the time being."),
  },
  "network-zones": {
    name: both("网络区域", "Network zones"),
    about: both("可使用平台的网络范围。", "The networks from which the platform may be used."),
  },
  terminals: {
    name: both("终端", "Terminals"),
    about: both("可使用平台的专用设备。", "The devices on which the platform is used."),
  },
  "site-purposes": {
    name: both("用途补充", "Site purposes"),
    about: both("本地对用途代码的补充和调整。", "What the site says of purposes beside the shipped list."),
  },
  "calendar-days": {
    name: both("工作日历", "Calendar"),
    about: both("节假日与调休上班日。", "Holidays, and the days worked for them."),
  },
  "duty-shifts": {
    name: both("值班表", "Duty rota"),
    about: both("各单位的视频查看值班安排。", "Who is on duty, when and where."),
  },
  "duty-logs": {
    name: both("值班日志", "Duty log"),
    about: both("值守人员的记录,写入后不可更改。", "What those on duty write down; it is never changed."),
  },
  findings: {
    name: both("问题整改", "Findings"),
    about: both("查看中发现的问题及其整改情况。", "What was found while watching, and its rectification."),
  },
  "disposal-plans": {
    name: both("处置预案", "Handling plans"),
    about: both("各单位的事件处置预案。", "What a unit does when something happens."),
  },
  "point-reviews": {
    name: both("点位复核", "Point reviews"),
    about: both("点位信息是否准确、是否有用。", "Whether the cameras' places are accurate and useful."),
  },
  "connection-points": {
    name: both("接入登记", "Connection register"),
    about: both("应接入的视频资源及其接入情况。", "The video that has to be connected, and what has been."),
  },
  incidents: {
    name: both("突发情况", "Incidents"),
    about: both("查看中发现的隐患和突发情况,相关录像已自动保全。", "Hazards that were seen, with the evidence held."),
  },
  emergencies: {
    name: both("应急优先", "Emergencies"),
    about: both("重大突发事件的优先使用:申报即时生效,须经确认,结束后复核。", "Priority use in a major emergency: in force when declared, to be confirmed, reviewed when over."),
  },
  suspensions: {
    name: both("账号停用", "Suspensions"),
    about: both("因异常使用被暂停查看的账号。", "Accounts whose viewing is suspended for unusual use."),
  },
  "police-filings": {
    name: both("公安备案", "Police filings"),
    about: both("向公安机关的备案。投入使用后30日内办理。", "Filings with the police, within 30 days of use."),
  },
};

/** Fields, by name; where a register means something else by one, `register.field`. */
export const FIELDS: Record<string, Both> = {
  accurate: both("信息准确", "Accurate"),
  address: both("地址", "Address"),
  areas: both("区域", "Areas"),
  at: both("发生时间", "Happened at"),
  at_unit: both("使用单位", "Unit that it serves"),
  authority: both("备案机关", "Authority"),
  camera: both("摄像机", "Camera"),
  cameras: both("摄像机", "Cameras"),
  cidr: both("地址范围", "Addresses"),
  code: both("用途代码", "Purpose code"),
  connect_by: both("接入期限", "Connect by"),
  course: both("培训内容", "Course"),
  date: both("日期", "Date"),
  en: both("英文表述", "In English"),
  ends_at: both("截止时间", "Ends at"),
  event: both("事件类型", "Kind of event"),
  evidence: both("依据", "Evidence"),
  from: both("开始", "From"),
  in_use_since: both("启用(变更)时间", "In use since"),
  location_name: both("位置名称", "Location"),
  name: both("名称", "Name"),
  owner: both("所属单位", "Owner"),
  post: both("岗位", "Post"),
  principal: both("主要负责人", "Principal"),
  ps: both("是否涉及公共安全", "Public security"),
  receipt: both("备案号", "Receipt"),
  rectify_by: both("整改期限", "Rectify by"),
  remarks: both("意见", "Remarks"),
  rule: both("规则", "Rule"),
  session: both("查看会话", "Session"),
  signer: both("签署方", "Signed by"),
  suspended_unit: both("停用单位", "Suspended unit"),
  text: both("正文", "Text"),
  text_version: both("文本版本", "Text version"),
  title: both("标题", "Title"),
  to: both("结束", "Until"),
  trained_at: both("培训时间", "Trained at"),
  trainer: both("培训机构(人)", "Trainer"),
  useful: both("有使用价值", "Useful"),
  user: both("人员", "Person"),
  valid_from: both("生效时间", "Valid from"),
  valid_to: both("有效期至", "Valid until"),
  what: both("情况说明", "What"),
  why: both("原因", "Why"),
  working: both("上班", "Worked"),
  zh: both("中文表述", "In Chinese"),
  "duty-logs.text": both("值班记录", "Entry"),
  "disposal-plans.text": both("处置措施", "What is done, by whom"),
  "findings.what": both("发现的问题", "What was found"),
  "emergencies.what": both("事件情况及视频需求", "What happens, and what the cameras are for"),
  "incidents.what": both("所见情况", "What was seen"),
  "police-filings.what": both("备案事项", "Subject"),
  "training-records.user": both("参训人员", "Who was trained"),
  "duty-shifts.user": both("值班人员", "Who is on duty"),
  "staff-statements.user": both("签署人", "Who signs"),
};

/** States, by word; where a register means something else by one, `register.state`. */
export const STATES: Record<string, Both> = {
  active: both("已申报,生效中", "Active, unconfirmed"),
  accepted: both("已受理", "Accepted"),
  approved: both("已批准", "Approved"),
  cancelled: both("已取消", "Called off"),
  closed: both("已结束", "Closed"),
  collected: both("已领取", "Collected"),
  confirmed: both("已确认", "Confirmed"),
  connected: both("已接入", "Connected"),
  dismissed: both("未采纳", "Dismissed"),
  draft: both("草稿", "Draft"),
  endorsed: both("单位已签署意见", "Endorsed"),
  expired: both("已到期", "Expired"),
  failed: both("制作失败", "Failed"),
  filed: both("已提交", "Filed"),
  granted: both("已授权", "Granted"),
  in_force: both("有效", "In force"),
  lapsed: both("已失效", "Lapsed"),
  lifted: both("已解除", "Lifted"),
  open: both("待整改", "Open"),
  over: both("已结束", "Over"),
  overdue: both("已逾期", "Overdue"),
  pending: both("待生效", "Pending"),
  planned: both("已排班", "Planned"),
  ready: both("可领取", "Ready"),
  rectified: both("已整改,待核实", "Rectified"),
  rectifying: both("整改中", "Rectifying"),
  refused: both("不予批准", "Refused"),
  released: both("已放行", "Released"),
  removed: both("已移除", "Removed"),
  rendering: both("制作中", "Rendering"),
  repealed: both("已废止", "Repealed"),
  reported: both("已上报", "Reported"),
  retired: both("已停用", "Retired"),
  returned: both("已退回", "Returned"),
  reviewed: both("已复核", "Reviewed"),
  revoked: both("已撤销", "Revoked"),
  settled: both("已处理", "Settled"),
  should_connect: both("应接入", "To be connected"),
  signed: both("已签订", "Signed"),
  signed_by_staff: both("本人已签,待单位签署", "Signed by the person"),
  submitted: both("已提交审批", "Submitted"),
  superseded: both("已被新版替代", "Superseded"),
  suspended: both("已停用", "Suspended"),
  taken_up: both("处置中", "Taken up"),
  to_file: both("待备案", "To be filed"),
  upheld: both("维持停用", "Upheld"),
  verified: both("已核实", "Verified"),
  waived: both("免予接入", "Waived"),
  withdrawn: both("已撤回", "Withdrawn"),
  written: both("已记录", "Written"),
  "police-filings.filed": both("已备案", "Filed"),
  "point-reviews.filed": both("待处理", "To be looked at"),
  "training-records.in_force": both("有效", "Counts"),
};

/** Steps, by word; where a register means something else by one, `register.step`. */
export const STEPS: Record<string, Both> = {
  accept: both("受理", "Accept"),
  adopt: both("批准施行", "Adopt"),
  approve: both("批准", "Approve"),
  cancel: both("取消", "Call off"),
  close: both("结束", "Close"),
  collect: both("领取", "Collect"),
  confirm: both("确认", "Confirm"),
  connect: both("登记为已接入", "Connect"),
  correct: both("更正", "Correct"),
  countersign: both("单位签署", "Countersign"),
  disconnect: both("登记为断开", "Disconnect"),
  dismiss: both("不予采纳", "Dismiss"),
  end: both("到时结束", "End"),
  endorse: both("签署意见", "Endorse"),
  escalate: both("逾期上报", "Escalate"),
  expire: both("到期", "Expire"),
  fail: both("制作失败", "Fail"),
  file: both("提交", "File"),
  filed: both("登记备案", "Mark as filed"),
  fill_in: both("填写", "Fill in"),
  finish: both("制作完成", "Finish"),
  grant: both("授权", "Grant"),
  lapse: both("失效", "Lapse"),
  lift: both("解除", "Lift"),
  publish: both("发布生效", "Publish"),
  rectify: both("报告整改完成", "Report as rectified"),
  refuse: both("不予批准", "Refuse"),
  release: both("放行", "Release"),
  remove: both("移除", "Remove"),
  render: both("制作", "Render"),
  reopen: both("退回整改", "Reopen"),
  repeal: both("废止", "Repeal"),
  resume: both("恢复使用", "Resume"),
  retire: both("停用", "Retire"),
  return: both("退回", "Return"),
  review: both("复核", "Review"),
  revise: both("修改", "Revise"),
  revoke: both("撤销", "Revoke"),
  settle: both("处理完毕", "Settle"),
  submit: both("提交审批", "Submit"),
  supersede: both("被新版替代", "Supersede"),
  suspend: both("停用", "Suspend"),
  take_up: both("着手处理", "Take up"),
  uphold: both("维持停用", "Uphold"),
  verify: both("核实通过", "Verify"),
  waive: both("免予接入", "Waive"),
  withdraw: both("撤回", "Withdraw"),
  "emergencies.close": both("结束应急", "End the emergency"),
  "emergencies.confirm": both("确认应急", "Confirm the emergency"),
};

/** What can be chosen, by `field.choice`. */
export const CHOICES: Record<string, Both> = {
  "ps.Y": both("是", "Yes"),
  "ps.N": both("否", "No"),
  "ps.M": both("部分涉及", "In part"),
  "signer.unit": both("单位(附件3)", "Units (Attachment 3)"),
  "signer.staff": both("工作人员", "Staff"),
};

const special = (table: Record<string, Both>, register: string, word: string): Both =>
  table[`${register}.${word}`] ?? table[word] ?? { zh: word, en: word };

/** What a field of a register is called. */
export const fieldWord = (register: string, field: string): Both => special(FIELDS, register, field);
/** What a state of a register is called. */
export const stateWord = (register: string, state: string): Both => special(STATES, register, state);
/** What a step of a register is called. */
export const stepWord = (register: string, step: string): Both => special(STEPS, register, step);
/** What a choice is called. */
export const choiceWord = (field: string, choice: string): Both => CHOICES[`${field}.${choice}`] ?? { zh: choice, en: choice };
/** What a register is called. */
export const registerWord = (register: string): Both => REGISTERS[register]?.name ?? { zh: register, en: register };

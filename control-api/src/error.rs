//! Refusals and errors as a client sees them: one table of codes with status, articles, both languages and remedy, and the
//! one value that carries a code out of a handler. Deliberately absent: any text from inside (a path, a key, a cause).

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a code means to a client. One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The code as it is written.
    pub text: &'static str,
    /// HTTP status.
    pub status: u16,
    /// The articles it rests on (`J-n` is article n of the founding regulation); empty for plain API errors.
    pub articles: &'static [&'static str],
    /// What happened, in Chinese.
    pub zh: &'static str,
    /// What happened, in English.
    pub en: &'static str,
    /// What the caller can do, in Chinese.
    pub remedy_zh: &'static str,
    /// What the caller can do, in English.
    pub remedy_en: &'static str,
}

macro_rules! codes {
    ($($variant:ident $text:literal $status:literal [$($article:literal)*]
        $zh:literal $en:literal => $remedy_zh:literal $remedy_en:literal;)*) => {
        /// Every code a client can meet. The order is the order of decision; the first failing check wins.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Code {
            $(#[doc = $en] #[serde(rename = $text)] $variant,)*
        }

        impl Code {
            /// All codes, in order of decision.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code's row of the table.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &Row {
                        text: $text, status: $status, articles: &[$($article,)*],
                        zh: $zh, en: $en, remedy_zh: $remedy_zh, remedy_en: $remedy_en,
                    },)*
                }
            }
        }
    };
}

codes! {
    AuditUnavailable "AUDIT_UNAVAILABLE" 503 ["J-24(3)" "MLPS3"]
        "审计日志暂不可写,未予放行。" "The ledger cannot be written, so nothing is granted."
        => "请稍后重试;持续出现请联系系统管理员检查磁盘。" "Try again shortly; if it lasts, the system administrator checks the ledger's disk.";
    ClockUntrusted "CLOCK_UNTRUSTED" 503 ["J-24(3)"]
        "系统时钟不可信,未予放行。" "The appliance's clock cannot be trusted, so nothing is granted."
        => "请系统管理员检查时间同步。" "The system administrator checks the synchronisation of the clock.";
    NetworkZone "NETWORK_ZONE" 403 ["J-27"]
        "该网络地址不在已登记的专用网络内。" "This address lies in no registered network zone."
        => "请在专用网络内使用,或请安全管理员登记网络区域。" "Use the dedicated network, or have the security administrator register the zone.";
    TerminalUnregistered "TERMINAL_UNREGISTERED" 403 ["J-27"]
        "该终端未登记。" "This terminal is not registered."
        => "请在已登记的专用终端上使用,或请安全管理员登记。" "Use a registered terminal, or have the security administrator register this one.";
    CrossSite "CROSS_SITE" 403 ["MLPS3"]
        "该请求并非由本系统页面发出,未予办理。" "No page of this appliance made this request, so nothing was done."
        => "请在本系统页面中操作;程序请改用 Authorization: Bearer,或随 Cookie 发送 X-Sluice-Console: 1。" "Do it on the console; a program sends Authorization: Bearer, or X-Sluice-Console: 1 with the cookie.";
    AuthRequired "AUTH_REQUIRED" 401 ["MLPS3"]
        "请先登录。" "Sign in first."
        => "使用 POST /api/v1/login 取得令牌,并放入 Authorization: Bearer。" "Take a token from POST /api/v1/login and send it as Authorization: Bearer.";
    MfaRequired "MFA_REQUIRED" 401 ["MLPS3"]
        "须输入第二因素验证码。" "A second factor is required."
        => "请在登录时填写 otp(动态口令或恢复码)。" "Send otp with the sign-in: the current code of your authenticator, or a recovery code.";
    AccountLocked "ACCOUNT_LOCKED" 401 ["MLPS3"]
        "登录失败次数过多,账号已暂时锁定。" "Too many failed sign-ins; the account is locked for a while."
        => "请等待锁定时间结束,或请安全管理员解锁。" "Wait until the lock ends, or ask the security administrator to unlock it.";
    SessionIdle "SESSION_IDLE" 401 ["MLPS3"]
        "登录因长时间未操作已失效。" "The sign-in ended because it was idle for too long."
        => "请重新登录。" "Sign in again.";
    PasswordExpired "PASSWORD_EXPIRED" 401 ["MLPS3"]
        "须先更换口令(初始口令,或已到期)。" "The password has to be changed before anything else: it is a first one, or too old."
        => "使用 POST /api/v1/me/password 更换口令。" "Change it with POST /api/v1/me/password.";
    TerminalMismatch "TERMINAL_MISMATCH" 403 ["J-27"]
        "该登录绑定在另一终端。" "This sign-in is bound to another terminal."
        => "请在原终端操作,或在本终端重新登录。" "Use the terminal that signed in, or sign in again here.";
    AccountDisabled "ACCOUNT_DISABLED" 403 ["J-7"]
        "账号已停用。" "The account is disabled."
        => "请联系安全管理员。" "Ask the security administrator.";
    UserNotApproved "USER_NOT_APPROVED" 403 ["J-7"]
        "用户申请尚未审批通过。" "The user application has not been approved yet."
        => "请等待政务服务和大数据管理局审批。" "Wait for the Bureau's approval.";
    UnitNotRegistered "UNIT_NOT_REGISTERED" 403 ["J-2" "J-22"]
        "所在单位未登记或已停用。" "The account's unit is not registered."
        => "请由政务服务和大数据管理局登记单位。" "Have the Bureau register the unit.";
    UnitSuspended "UNIT_SUSPENDED" 403 ["J-2" "J-22"]
        "所在单位的共享使用已被暂停。" "The unit's use of the platform is suspended."
        => "请本单位负责人联系政务服务和大数据管理局。" "The unit's principal settles it with the Bureau.";
    PrincipalMissing "PRINCIPAL_MISSING" 403 ["J-24(1)"]
        "所在单位未登记主要负责人。" "The unit has named no principal, its first responsible person."
        => "请由政务服务和大数据管理局登记主要负责人。" "Have the Bureau enter the unit's principal.";
    StatementNotSigned "STATEMENT_NOT_SIGNED" 403 ["J-22"]
        "所在单位未签订现行的安全保密责任书。" "The unit has not signed the responsibility statement in force."
        => "请本单位主要负责人签订附件3。" "The unit's principal signs Attachment 3.";
    StaffStatementNotSigned "STAFF_STATEMENT_NOT_SIGNED" 403 ["J-24(2)"]
        "本人未与单位签订现行的责任书。" "You have not signed the staff statement in force with your unit."
        => "请先签订个人责任书。" "Sign it first.";
    TrainingExpired "TRAINING_EXPIRED" 403 ["J-9" "O-16(1)"]
        "没有有效的培训记录。" "There is no training record in force."
        => "请参加培训并登记。" "Take the training and have it entered.";
    RoleForbids "ROLE_FORBIDS" 403 ["MLPS3"]
        "当前角色无权执行此操作。" "No role of this account allows this."
        => "请由具备相应角色的人员办理。" "Someone who holds the fitting role has to do it.";
    CameraUnknown "CAMERA_UNKNOWN" 404 ["J-4" "J-25"]
        "目录中没有该摄像机。" "The catalogue has no such camera."
        => "请核对摄像机编号和授权范围。" "Check the camera's id and the scope of your grants.";
    NoGrant "NO_GRANT" 403 ["J-7"]
        "没有该视频资源的授权。" "There is no grant for this camera."
        => "填写资源授权使用审批表并经审批。" "File a resource application and have it approved.";
    GrantNotYetValid "GRANT_NOT_YET_VALID" 403 ["J-7"]
        "授权尚未生效。" "The grant is not in force yet."
        => "请在授权起始时间之后再试。" "Try again once the grant has begun.";
    GrantExpired "GRANT_EXPIRED" 403 ["J-7"]
        "授权已到期。" "The grant has expired."
        => "请重新申请授权。" "Apply for a new grant.";
    GrantRevoked "GRANT_REVOKED" 403 ["J-7"]
        "授权已被撤销。" "The grant has been revoked."
        => "请联系政务服务和大数据管理局。" "Ask the Bureau.";
    GrantSuspended "GRANT_SUSPENDED" 403 ["J-7"]
        "授权已被暂停。" "The grant is suspended."
        => "请联系政务服务和大数据管理局了解原因。" "Ask the Bureau for the reason.";
    VerbNotGranted "VERB_NOT_GRANTED" 403 ["J-7" "J-26"]
        "授权不包含此项操作。" "The grant does not cover this use."
        => "如确有需要,请申请包含该操作的授权。" "Apply for a grant that names it.";
    ExportNotAuthorised "EXPORT_NOT_AUTHORISED" 403 ["J-7" "J-26"]
        "授权不包含导出。" "The grant does not cover exports."
        => "如确有需要,请申请包含导出(export)的授权。" "Apply for a grant that names export.";
    PurposeRequired "PURPOSE_REQUIRED" 422 ["J-23" "J-24(3)" "O-16(3)"]
        "须填写用途代码。" "A purpose code is required."
        => "填写本单位职责内的用途代码。" "Give a purpose code of your unit's duties.";
    ReasonRequired "REASON_REQUIRED" 422 ["J-23" "J-24(3)" "O-16(3)"]
        "须填写调看事由。" "A reason is required."
        => "写明具体事由。" "State the concrete reason.";
    PurposeNotInDuties "PURPOSE_NOT_IN_DUTIES" 403 ["J-11" "J-12" "J-13" "J-14" "J-15" "J-16" "J-17" "J-18" "J-19" "J-20" "J-21" "J-23"]
        "该用途不属于本单位职责。" "The purpose is not among the unit's duties."
        => "使用 GET /api/v1/purposes 查看本单位的用途代码。" "See your unit's codes with GET /api/v1/purposes.";
    PurposeExpired "PURPOSE_EXPIRED" 403 ["J-11" "J-12" "J-13" "J-14" "J-15" "J-16" "J-17" "J-18" "J-19" "J-20" "J-21" "J-23"]
        "该用途已失效。" "The purpose is no longer in force."
        => "请选择有效的用途代码。" "Choose a purpose that is in force.";
    PurposeProfileLimit "PURPOSE_PROFILE_LIMIT" 403 ["PIPL-26"]
        "非公共安全用途只能使用子码流。" "A purpose that does not serve public security is held to the sub-stream."
        => "请改用 profile=sub。" "Ask for profile=sub.";
    OutOfJurisdiction "OUT_OF_JURISDICTION" 403 ["J-25"]
        "该点位不在授权的管辖范围内。" "The place is outside the jurisdiction of the grant."
        => "请在本单位管辖范围内使用。" "Use what lies within your unit's jurisdiction.";
    SecurityLevel "SECURITY_LEVEL" 403 ["MLPS3"]
        "该摄像机的密级高于授权的密级。" "The camera's security level is above that of the grant."
        => "请申请相应密级的授权。" "Apply for a grant of that level.";
    OutsideTimeWindow "OUTSIDE_TIME_WINDOW" 403 ["J-5"]
        "当前不在授权的时段内。" "The grant does not cover this hour."
        => "请在授权时段内使用。" "Use it within the hours of the grant.";
    OutsideDutyRoster "OUTSIDE_DUTY_ROSTER" 403 ["J-5"]
        "当前不在本人的值班时段内。" "You are not on the duty roster at this hour."
        => "请在值班时段内使用,或请单位管理员调整值班表。" "Use it on your shift, or have the unit's administrator correct the roster.";
    PlaybackDepth "PLAYBACK_DEPTH" 403 ["O-17" "PIPL-19"]
        "回放时间超出授权可追溯的范围。" "The grant does not reach that far back."
        => "请缩短回放时间范围,或另行申请。" "Ask for a more recent stretch, or apply for more.";
    RecordingPurged "RECORDING_PURGED" 410 ["O-17" "PIPL-19"]
        "该时段的录像已到期删除。" "The recording of that stretch was deleted when its time was over."
        => "删除记录见 GET /api/v1/reports/deletions。" "See GET /api/v1/reports/deletions.";
    WatermarkUnsupported "WATERMARK_UNSUPPORTED" 403 ["J-26"]
        "该录像无法加注水印,不予提供。" "This recording cannot carry a watermark, so no copy of it is given out."
        => "录像中没有可加注水印的图像;请选择有图像的时段,或联系系统管理员。" "It holds no picture to put one in; ask for a stretch with video, or ask the system administrator.";
    ConcurrencyLimit "CONCURRENCY_LIMIT" 429 ["OPS"]
        "该授权下同时进行的会话已达上限。" "As many sessions as the grant allows are open already."
        => "请先结束其他会话。" "End another session of the grant first.";
    BandwidthLimit "BANDWIDTH_LIMIT" 429 ["OPS"]
        "网络或处理能力已满,暂不能增加会话。" "Network or machine are full; no further session can be carried now."
        => "请稍后重试,或先结束其他会话;突发事件可申请优先使用。" "Try again later, or end another session first; an emergency has priority use.";
    EmergencyScope "EMERGENCY_SCOPE" 403 ["J-8"]
        "该摄像机不在突发事件的范围内,或事件已不再有效。" "The camera is not among the emergency's, or the emergency is over."
        => "请在突发事件范围内使用,或另行申报。" "Keep to the emergency's cameras, or declare another.";
    EmergencyReviewOverdue "EMERGENCY_REVIEW_OVERDUE" 403 ["J-8"]
        "本单位有逾期未复核的突发事件,暂不能再申报优先使用。" "An emergency of this unit was not reviewed in time; no further priority use until it is."
        => "请政务服务和大数据管理局先完成复核。" "Have the Bureau review it first.";
    SecondPersonRequired "SECOND_PERSON_REQUIRED" 403 ["MLPS3"]
        "须由另一人办理:申请、签署、审批、放行须为不同的人。" "It takes another person: request, endorsement, approval and release are by four."
        => "请由未参与此前步骤的人员办理。" "Have somebody do it who took none of the steps before.";
    MediaReleaseApprovalMissing "MEDIA_RELEASE_APPROVAL_MISSING" 403 ["J-23"]
        "用于媒体发布的导出,须先经本单位审批。" "An export for the media needs the unit's own approval of the release first."
        => "请本单位主要负责人使用 POST /api/v1/media-releases 批准,并在申请中填写 media_release。" "Have the unit's principal approve it with POST /api/v1/media-releases, and name it as media_release.";
    RedactionRequired "REDACTION_REQUIRED" 403 ["J-23" "O-22"]
        "用于媒体发布的导出须作遮挡处理。" "An export for the media has to be redacted."
        => "请在导出申请中填写 redactions。" "Give redactions with the export.";
    HoldBlocksDelete "HOLD_BLOCKS_DELETE" 409 ["O-17" "AT-32"]
        "该时段的录像已被保全,不能删除。" "The recording of that stretch is held as evidence and cannot be deleted."
        => "请先由审批人解除保全。" "Have the Bureau release the hold first.";
    FloorBlocksDelete "FLOOR_BLOCKS_DELETE" 409 ["O-17" "AT-32"]
        "该录像尚在法定保存期内,不能删除。" "The recording is younger than the law lets it be deleted."
        => "请在保存期满后再试。" "Wait until its floor is over.";
    AnomalySuspended "ANOMALY_SUSPENDED" 403 ["J-26"]
        "因使用异常,账号的视频调看已被暂停,待复核。" "Viewing by this account is suspended for unusual use, until it has been reviewed."
        => "请联系安全管理员或审批人复核。" "Ask the Bureau for the review.";
    CameraOffline "CAMERA_OFFLINE" 503 ["J-6"]
        "摄像机当前不在线。" "The camera is offline."
        => "请稍后重试,或联系维护单位。" "Try again later, or ask the maintenance unit.";
    RetentionCapacity "RETENTION_CAPACITY" 409 ["O-17"]
        "存储容量不足,无法满足法定保存期限。" "There is not room enough to keep recordings as long as the law wants."
        => "请增加存储卷、缩短超出法定期限的保存上限、降低码率,或减少自愿录像的摄像机。" "Add a volume, shorten the ceilings, lower bit rates, or record fewer voluntary cameras.";

    SessionUnknown "SESSION_UNKNOWN" 404 ["J-26"]
        "没有该会话。" "There is no such session."
        => "使用 POST /api/v1/sessions 申请会话。" "Open a session with POST /api/v1/sessions.";
    SessionExpired "SESSION_EXPIRED" 403 ["J-26"]
        "会话已到期。" "The session has expired."
        => "请重新申请会话;到期前可续期。" "Open a new one; before it runs out it can be renewed.";
    SessionEnded "SESSION_ENDED" 403 ["J-26"]
        "会话已结束。" "The session is over."
        => "请重新申请会话。" "Open a new session.";

    PreemptedByEmergency "PREEMPTED_BY_EMERGENCY" 403 ["J-8"]
        "会话已让位于突发事件的优先使用。" "The session gave way to the priority use of an emergency."
        => "请稍后重新申请会话;参与处置的单位可按突发事件申请优先使用。" "Open a new one later; a unit that handles the emergency has priority under it.";

    BadRequest "BAD_REQUEST" 400 []
        "请求格式有误。" "The request cannot be read."
        => "请对照 /openapi.json 检查请求。" "Compare the request with /openapi.json.";
    InvalidField "INVALID_FIELD" 422 []
        "字段无效。" "A field is not valid."
        => "请修正所指字段。" "Correct the field that is named.";
    NotFound "NOT_FOUND" 404 []
        "没有该对象。" "There is no such thing."
        => "请核对地址和编号。" "Check the path and the id.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 []
        "该地址不支持此方法。" "This path does not answer that method."
        => "请对照 /openapi.json。" "See /openapi.json.";
    Conflict "CONFLICT" 409 []
        "与现有状态冲突。" "It conflicts with what is there."
        => "请重新读取后再试。" "Read it again, then retry.";
    TooLarge "TOO_LARGE" 413 []
        "请求体过大。" "The request is too large."
        => "请拆分后提交。" "Send it in smaller parts.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 []
        "不支持该内容类型。" "That content type is not understood here."
        => "请使用 application/json(导入使用 text/csv)。" "Send application/json (text/csv for an import).";
    CodecNotPlayable "CODEC_NOT_PLAYABLE" 406 []
        "播放端不支持该摄像机的编码。" "The player does not take what the camera sends."
        => "请改用其他协议或播放端。" "Use another protocol, or another player.";
    RateLimited "RATE_LIMITED" 429 []
        "请求过于频繁。" "Too many requests."
        => "请按 Retry-After 等待后重试。" "Wait as Retry-After says, then retry.";
    Timeout "TIMEOUT" 503 []
        "处理超时。" "It took too long."
        => "请稍后重试。" "Try again later.";
    Internal "INTERNAL" 500 []
        "内部错误。" "Something failed inside."
        => "请将 request_id 告知系统管理员。" "Give the request_id to the system administrator.";
}

impl Code {
    /// The code as it is written, for example `NO_GRANT`.
    pub const fn text(self) -> &'static str {
        self.row().text
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// The articles it rests on.
    pub const fn articles(self) -> &'static [&'static str] {
        self.row().articles
    }

    /// True for a refusal by rule, which is itself an event on the ledger; false for a plain API error.
    pub const fn is_denial(self) -> bool {
        !self.row().articles.is_empty()
    }
}

/// What is wrong with one row of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowError {
    /// Line of the file, the header being line 1.
    pub row: u64,
    /// Column, empty when the row as a whole is wrong.
    pub field: String,
    /// What to correct, in Chinese.
    pub zh: String,
    /// What to correct, in English.
    pub en: String,
}

impl RowError {
    /// A fault of a row, or of a field of it.
    pub fn new(row: u64, field: &str, zh: &str, en: &str) -> Self {
        Self { row, field: field.into(), zh: zh.into(), en: en.into() }
    }

    /// The refusal of one form as the fault of its row.
    pub fn told(row: u64, error: &ApiError) -> Self {
        let (zh, en) = (error.body("", true).remedy, error.body("", false));
        Self { row, field: en.field.unwrap_or_default(), zh, en: en.remedy }
    }
}

/// A code on its way to the client, with what helps to correct it. The request id is added by the shell, which writes the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: Code,
    recorded: bool,
    /// Boxed, so that a `Result` stays small on the way where nothing fails.
    more: Option<Box<More>>,
}

/// What one case adds to its code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct More {
    field: Option<String>,
    remedy: Option<(Cow<'static, str>, Cow<'static, str>)>,
    rows: Vec<RowError>,
    retry_after: Option<Duration>,
    articles: Option<Vec<&'static str>>,
}

impl ApiError {
    /// The code alone.
    pub const fn new(code: Code) -> Self {
        Self { code, recorded: false, more: None }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// `INVALID_FIELD` for `field`, with what to correct in Chinese and English.
    pub fn field(field: impl Into<String>, zh: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidField).at(field).remedied(zh, en)
    }

    /// The refusal of a whole file, for these rows.
    pub fn rows(rows: Vec<RowError>) -> Self {
        let zh = "请修正所列各行后重新导入;未导入任何数据。";
        Self::field("rows", zh, "Correct the rows and import again; nothing was taken.").with_rows(rows)
    }

    /// The same error, naming the field of the request it is about.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.more().field = Some(field.into());
        self
    }

    /// The same error with a remedy closer to the case, in Chinese and English.
    #[must_use]
    pub fn remedied(mut self, zh: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        self.more().remedy = Some((zh.into(), en.into()));
        self
    }

    /// The same error with the rows of a refused import.
    #[must_use]
    pub fn with_rows(mut self, rows: Vec<RowError>) -> Self {
        self.more().rows = rows;
        self
    }

    /// The same error with a `Retry-After`, rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.more().retry_after = Some(wait);
        self
    }

    /// The same error citing these articles in place of the table's (a purpose cites its own unit's).
    #[must_use]
    pub fn citing(mut self, articles: Vec<&'static str>) -> Self {
        self.more().articles = Some(articles);
        self
    }

    /// The same error, saying that its refusal is on the ledger already, so that the shell does not write it twice.
    #[must_use]
    pub const fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The articles it cites.
    pub fn articles(&self) -> &[&'static str] {
        self.more.as_ref().and_then(|more| more.articles.as_deref()).unwrap_or(self.code.articles())
    }

    /// True when the shell still owes the ledger this refusal.
    pub const fn owes_record(&self) -> bool {
        self.code.is_denial() && !self.recorded && !matches!(self.code, Code::AuditUnavailable)
    }

    /// How long the client is asked to wait, where that helps.
    pub fn wait(&self) -> Option<Duration> {
        let usual = match self.code {
            Code::AuditUnavailable | Code::Timeout => Some(Duration::from_secs(5)),
            Code::CameraOffline => Some(Duration::from_secs(10)),
            Code::RateLimited => Some(Duration::from_secs(1)),
            _ => None,
        };
        self.more.as_ref().and_then(|more| more.retry_after).or(usual)
    }

    /// The body as it goes out. `chinese` picks the language of the remedy.
    pub fn body(&self, request_id: &str, chinese: bool) -> ErrorBody {
        let row = self.code.row();
        let More { field, remedy, rows, .. } = self.more.as_deref().cloned().unwrap_or_default();
        let (zh, en) = remedy.unwrap_or((Cow::Borrowed(row.remedy_zh), Cow::Borrowed(row.remedy_en)));
        ErrorBody {
            code: row.text.into(),
            articles: self.articles().iter().map(|&a| a.into()).collect(),
            message: Bilingual { zh: row.zh.into(), en: row.en.into() },
            remedy: if chinese { zh } else { en }.into_owned(),
            request_id: request_id.into(),
            field,
            rows: if rows.is_empty() { None } else { Some(rows) },
        }
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

/// A message in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The body of every refusal and error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// For programs.
    #[schema(value_type = Code)]
    pub code: String,
    /// The articles a refusal rests on; empty for plain API errors.
    #[schema(example = json!(["J-7"]))]
    pub articles: Vec<String>,
    /// What happened.
    pub message: Bilingual,
    /// What the caller can do; Chinese when `Accept-Language` begins with `zh`, else English.
    pub remedy: String,
    /// Names this request in the log and on the ledger.
    pub request_id: String,
    /// The field of the request it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The rows of a refused import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<RowError>>,
}

/// The error rides on the response; the shell's outermost layer writes the body, since only it knows the request id.
impl axum::response::IntoResponse for ApiError {
    fn into_response(self) -> axum::response::Response {
        let status = axum::http::StatusCode::from_u16(self.code.status()).expect("the table holds valid statuses");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_denial_cites_an_article_and_every_row_is_whole() {
        let plain = [
            Code::BadRequest,
            Code::InvalidField,
            Code::NotFound,
            Code::MethodNotAllowed,
            Code::Conflict,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::CodecNotPlayable,
            Code::RateLimited,
            Code::Timeout,
            Code::Internal,
        ];
        let mut seen = HashSet::new();
        for &code in Code::ALL {
            let row = code.row();
            assert!(seen.insert(row.text), "{} twice", row.text);
            assert_eq!(row.articles.is_empty(), plain.contains(&code), "{}", row.text);
            assert!((400..600).contains(&row.status), "{}", row.text);
            for text in [row.zh, row.en, row.remedy_zh, row.remedy_en] {
                assert!(text.len() > 5, "{}", row.text);
            }
            assert!(!row.zh.is_ascii() && row.en.is_ascii(), "{}", row.text);
        }
    }

    #[test]
    fn the_body_has_exactly_the_agreed_members() {
        let body = serde_json::to_value(ApiError::new(Code::NoGrant).body("r1", false)).unwrap();
        let mut members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, ["articles", "code", "message", "remedy", "request_id"]);
        assert_eq!(body["articles"], serde_json::json!(["J-7"]));
        let with_field = serde_json::to_value(ApiError::field("name", "太长", "too long").body("r1", true)).unwrap();
        assert_eq!((with_field["field"].as_str(), with_field["remedy"].as_str()), (Some("name"), Some("太长")));
    }

    #[test]
    fn codes_are_written_as_in_the_table() {
        for &code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.text());
        }
    }
}

//! Why a request under a token got nothing: the relay's answer as one of ours. The relay has put it on the ledger already.

use relay::lease::{EndReason, Refused};

use crate::error::{ApiError, Code};

/// What a refusal of the relay is to whoever asked.
pub(super) fn refusal(why: Refused) -> ApiError {
    let error = match why {
        Refused::Unknown | Refused::WrongProtocol => Code::SessionUnknown.into(),
        Refused::WrongTerminal => ApiError::new(Code::TerminalMismatch).remedied(
            "该会话绑定在申请它的终端,请在本终端重新申请。",
            "The session is bound to the terminal that opened it; open one from this terminal.",
        ),
        Refused::Expired => Code::SessionExpired.into(),
        Refused::Ended(EndReason::Preempted) => Code::PreemptedByEmergency.into(),
        Refused::Ended(_) => Code::SessionEnded.into(),
    };
    error.recorded()
}

//! 专用网络: the networks from which the platform may be used (J-27). Where none is registered, none may be.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::Role;
use crate::registers::field::line;
use crate::store::{Store, StoreError};

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkZone {
    /// Its name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Its addresses, for example `10.20.0.0/16` or `fd00:20::/32`.
    #[schema(value_type = String, example = "10.20.0.0/16")]
    pub cidr: IpNet,
}

crate::register::states! {
    /// Where a zone stands.
    ZoneState {
        /// The platform may be used from it.
        InForce = "in_force",
        /// It may not any more.
        Removed = "removed",
    }
}

/// What leads to all zones in force.
const IN_FORCE: &str = "in-force";

impl Register for NetworkZone {
    const NAME: &'static str = "network-zones";
    const ABOUT: &'static str = "The networks from which the platform may be used.";
    const ARTICLES: &'static [&'static str] = &["J-27"];
    type State = ZoneState;
    const FIRST: ZoneState = ZoneState::InForce;
    const FILING: Who = Who::any(&[Role::SecurityAdmin]);
    const READING: Reading = Reading {
        all: &[Role::SecurityAdmin, Role::AuditAdmin, Role::SystemAdmin, Role::BureauApprover],
        own: &[],
        subject: false,
    };
    const MOVES: &'static [Move<ZoneState>] = &[Move {
        step: "remove",
        from: &[ZoneState::InForce],
        to: ZoneState::Removed,
        who: Who::any(&[Role::SecurityAdmin]),
        needs_reason: true,
    }];
    const COLUMNS: &'static [crate::register::Column] = &[text("name"), text("cidr")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        if self.cidr.trunc() != self.cidr {
            let zh = format!("网段的主机位须为零,应写作 {}。", self.cidr.trunc());
            let en = format!("The bits past the prefix have to be zero: write {}.", self.cidr.trunc());
            return Err(ApiError::field("cidr", zh, en));
        }
        Ok(Self { name: line("name", &self.name)?, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[ZoneState::InForce]).then(|| IN_FORCE.into()).into_iter().collect()
    }

    fn touches(_: &Record<Self>) -> Vec<Touch> {
        vec![Touch::Everything]
    }
}

/// True where the address lies in a zone.
pub fn holds(store: &Store, address: IpAddr) -> Result<bool, StoreError> {
    Ok(rows::find::<NetworkZone>(store, IN_FORCE)?.iter().any(|zone| zone.fields.cidr.contains(&address)))
}

//! What the registers say of caller, unit and terminal at this moment. One look-up by key for each, none of them a walk; what nobody
//! has filed is not in order.

use std::net::IpAddr;

use media::wall::Wall;

use super::SessionDesk;
use crate::books::{
    duty_shift, emergency, network_zone, staff_statement, suspension, terminal, training, unit_statement,
    unit_suspension,
};
use crate::error::ApiError;
use crate::policy::Standing;
use crate::registers::Role;
use crate::registers::unit::Unit;
use crate::registers::user::User;

impl SessionDesk {
    /// How things stand; for nobody, or of no unit, only the place can be in order.
    pub(super) fn standing(
        &self,
        account: Option<&User>,
        unit: Option<&Unit>,
        from: IpAddr,
        now: Wall,
    ) -> Result<Standing, ApiError> {
        let store = &self.store;
        let in_network_zone = network_zone::holds(store, from)?;
        let (Some(account), Some(unit)) = (account, unit) else {
            return Ok(Standing { in_network_zone, terminal_registered: true, ..Standing::default() });
        };
        // A service is another machine: it signs nothing and learns nothing; its unit answers for it.
        let is_person = !account.roles.has(Role::Service);
        Ok(Standing {
            in_network_zone,
            terminal_registered: !self.settings.terminals_registered
                || terminal::units_at(store, from)?.contains(&unit.id),
            unit_in_use: !unit_suspension::is_suspended(store, &unit.id)?,
            principal_named: unit.principal.is_some(),
            statement_signed: unit_statement::is_signed(store, &unit.id, now)?,
            staff_statement_signed: !is_person || staff_statement::is_signed(store, &account.id, now)?,
            trained: !is_person || training::is_in_force(store, &account.id, now)?,
            on_duty_until: duty_shift::on_shift_until(store, &account.id, now)?,
            unsuspicious: !suspension::is_suspended(store, &account.id)?,
            emergencies_reviewed: !emergency::is_review_overdue(store, &unit.id)?,
        })
    }
}

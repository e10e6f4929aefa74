//! J-11 to J-20: what each of the ten departments may watch for. All units by all purposes: a session for what is the unit's duty,
//! and for everything else a refusal that cites the article of the purpose.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::department::Department;
use crate::harness::order::TEXT_VERSION;

/// The departments, in the order of their articles.
const UNITS: [&str; 10] = ["cjb", "jtj", "slj", "gaj", "wjw", "yjj", "zjj", "wlj", "nyj", "lyj"];
/// Thirty people sign in from one address, and their passwords are no secret.
const SETTINGS: [&str; 3] = ["login.address_burst=1000", "login.password_memory=8MiB", "login.password_passes=1"];

#[test]
fn each_department_watches_for_its_own_duties_and_for_no_others() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start_by(tempfile::tempdir().unwrap(), Command::new(SLUICE), &SETTINGS);
    appliance.add_camera("j11", &cameras.url(1));
    appliance.wait_for_camera("j11");
    let (_, list) = appliance.login("operator").get("/api/v1/purposes");
    let purposes = list["items"].as_array().expect("purposes");
    assert_eq!(purposes.len(), 43, "{list}");
    let departments = UNITS.map(|unit| {
        let department = Department::staffed(&appliance, unit);
        department.sign(TEXT_VERSION);
        let own = department.clerk.get(&format!("/api/v1/units/{unit}")).1["purposes"].clone();
        department.granted(&appliance, &own, &["live"]);
        department
    });
    let decided: usize = std::thread::scope(|scope| {
        let asking = departments.each_ref().map(|department| scope.spawn(|| asks_for_each(department, purposes)));
        asking.into_iter().map(|unit| unit.join().expect("a unit's table holds")).sum()
    });
    assert_eq!(decided, 41, "every purpose but the two that lapsed was given to the one unit whose duty it is");
}

/// Gives for how many purposes the unit may watch.
fn asks_for_each(department: &Department, purposes: &[Value]) -> usize {
    let (unit, mut given) = (&department.unit, 0);
    for purpose in purposes {
        let ask = json!({"camera": "j11", "verb": "live", "purpose": purpose["code"], "reason": "journey"});
        let (status, answer) = department.operator.post("/api/v1/sessions", &ask);
        let code = match (purpose["unit"] == unit.as_str(), purpose["in_force"] == true) {
            (true, true) => {
                assert_eq!(status, 201, "{unit} {purpose}: {answer}");
                let session = answer["id"].as_str().expect("an id");
                assert_eq!(department.operator.delete(&format!("/api/v1/sessions/{session}")).0, 204);
                given += 1;
                continue;
            }
            (true, false) => "PURPOSE_EXPIRED",
            (false, _) => "PURPOSE_NOT_IN_DUTIES",
        };
        assert_eq!((status, &answer["code"]), (403, &json!(code)), "{unit} {purpose}: {answer}");
        assert_eq!(answer["articles"], json!([purpose["article"], "J-23"]), "{unit} {purpose}");
    }
    given
}

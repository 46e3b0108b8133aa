//! Names that cannot be resolved.

use crate::hub::Office;
use crate::interpose::{Action, Rule, call, place};
use crate::mail::{send, waiting};
use crate::provider::Provider;
use crate::{faulty_hub, told};

/// An account at a provider on this machine, polled by hand alone.
pub fn add_account(office: &Office, provider: &Provider) {
    let text = office.read("postroom.toml");
    let account = format!(
        "\n[[provider]]\nname = \"main\"\nhost = \"localhost\"\nport = {}\ntls = \"none\"\n\
         user = \"office\"\npassword = \"secret\"\npoll = \"1 day\"\nleave_on_server = \"0 days\"\n\
         mode = \"single\"\nto = \"anna\"\n",
        provider.port()
    );
    office.write("postroom.toml", &format!("{text}{account}"));
}

#[test]
fn provider_whose_name_is_not_found() {
    let provider = Provider::with(["Subject: one\r\n\r\none\r\n"]);
    let office = Office::new();
    add_account(&office, &provider);
    let (hub, faults) = faulty_hub(&office);
    let failing = Action::Fail(0);
    faults.order(&[Rule::always(failing, call::RESOLVE, place::OTHER)]);
    for _ in 0..3 {
        let done = office.run(&["fetch"]);
        assert_eq!(done.code, Some(1));
        let said = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
        assert!(
            said.contains("localhost: its address cannot be found"),
            "{said}"
        );
    }
    hub.wait_for_log("[INFO] fetch main: failed");
    assert!(told(&hub, "[WARN] fetch main") <= 2, "{}", hub.log());
    let shown = office.status()["providers"].to_string();
    assert!(shown.contains("its address cannot be found"), "{shown}");
    // Mail comes in by SMTP without any name.
    send(&hub, &["anna@example.com"], "by SMTP");
    faults.lift();
    office.good(&["fetch"]);
    assert_eq!(waiting(&hub, "anna"), 2);
    assert!(
        !office.status()["providers"]
            .to_string()
            .contains("cannot be found")
    );
}

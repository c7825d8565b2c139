//! `probe` as a key is the attach point's name: what happened there is one row, however many places and probes have it.

mod support;

use support::{btc, program, text, unfit};

#[test]
fn places_and_probes_of_one_name_are_one_row() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/probes_of_one_name.c", "probes_of_one_name").display().to_string();
    let script = format!(
        "usdt:{path}:both /pid == cpid/ {{ @places[probe] = count(); @sum[probe] = sum(arg0); }}
         uprobe:{path}:first /pid == cpid/ {{ @twice[probe] = count(); @func[func] = count(); }}
         uprobe:{path}:first /pid == cpid/ {{ @twice[probe] = count(); @func[func] = count(); }}
         uprobe:{path}:second /pid == cpid/ {{ @mixed[probe] = count(); }}
         uprobe:{path}:sec* /pid == cpid/ {{ @mixed[probe] = count(); }}
         uprobe:{path}:s?cond /pid == cpid/ {{ @mixed[probe] = count(); @patterns[func] = count(); }}
         uprobe:{path}:se*d /pid == cpid/ {{ @patterns[func] = count(); }}
         END {{ print((len(@places), len(@sum), len(@twice), len(@mixed), len(@func), len(@patterns))); }}"
    );
    let output = btc(&["-q", "-c", &path, "-e", &script]);
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    for line in [
        "(1, 1, 1, 1, 1, 1)".to_string(),
        format!("@places[usdt:{path}:demo:both]: 15"),
        format!("@sum[usdt:{path}:demo:both]: 1045"),
        format!("@twice[uprobe:{path}:first]: 20"),
        format!("@mixed[uprobe:{path}:second]: 15"),
        "@func[first]: 20".to_string(),
        "@patterns[second]: 10".to_string(),
    ] {
        assert!(printed.lines().any(|l| l == line), "`{line}` is missing\n{printed}{said}");
    }
    let output = btc(&["-q", "-f", "json", "-c", &path, "-e", &script]);
    assert!(text(&output.stdout).contains(&format!("{{\"@places\": {{\"usdt:{path}:demo:both\": 15}}}}")), "{}", text(&output.stdout));
}

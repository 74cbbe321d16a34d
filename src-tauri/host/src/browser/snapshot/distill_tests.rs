//! One test a rule, on trees written by hand.

use super::super::{RenderOptions, Tree, render};

type Outcome = Result<(), serde_json::Error>;

fn shown(nodes: &str) -> Result<String, serde_json::Error> {
    shown_to(nodes, None)
}

fn shown_to(nodes: &str, depth: Option<usize>) -> Result<String, serde_json::Error> {
    let tree: Tree = serde_json::from_str(&format!(r#"{{"ok":true,"ready":true,"nodes":[{nodes}]}}"#))?;
    Ok(render(&tree, &RenderOptions { depth, ..RenderOptions::default() }).text)
}

#[test]
fn rule_1_joins_strings_and_drops_a_repeated_one() -> Outcome {
    let text = shown(
        r#"{"r":"paragraph","e":1},{"p":0,"t":" a "},{"p":0,"t":" b\n"},{"p":0,"r":"button","n":"x","e":2},{"p":3,"t":" x "},
        {"p":0,"t":" "}"#,
    )?;
    assert_eq!(text, "- paragraph [ref=e1]:\n  - text: a b\n  - button \"x\" [ref=e2]\n");
    Ok(())
}

#[test]
fn rule_1_joins_across_what_was_removed() -> Outcome {
    let text = shown(r#"{"r":"paragraph","e":1},{"p":0,"t":"a"},{"p":0,"r":"generic","e":2},{"p":0,"t":" b"}"#)?;
    assert_eq!(text, "- paragraph [ref=e1]: a b\n");
    Ok(())
}

#[test]
fn rule_2_removes_images_that_say_nothing() -> Outcome {
    let text = shown(
        r#"{"r":"list","e":1},{"p":0,"r":"img","e":2},{"p":0,"r":"img","n":"a","e":3},{"p":0,"r":"img","e":4,"c":1},
        {"p":0,"r":"button","e":5,"c":1},{"p":4,"r":"img","e":6,"c":1}"#,
    )?;
    assert_eq!(
        text,
        "- list [ref=e1]:\n  - img \"a\" [ref=e3]\n  - img [ref=e4] [cursor=pointer]\n  - button [ref=e5] [cursor=pointer]\n"
    );
    Ok(())
}

#[test]
fn rule_3_drops_a_name_that_the_content_repeats() -> Outcome {
    let text =
        shown(r#"{"r":"link","n":"Card","e":1,"w":[1]},{"p":0,"r":"heading","n":"Card","e":2},{"p":1,"t":"Card"}"#)?;
    assert_eq!(text, "- link [ref=e1]:\n  - heading \"Card\" [ref=e2]\n");
    Ok(())
}

#[test]
fn rule_3_keeps_a_name_whose_source_is_a_generic_of_strings() -> Outcome {
    let text = shown(
        r#"{"r":"link","n":"a b","e":1,"w":[1,3]},{"p":0,"r":"generic","e":2},{"p":1,"t":"a"},
        {"p":0,"r":"heading","n":"b","e":3},{"p":3,"t":"b"}"#,
    )?;
    assert_eq!(text, "- link \"a b\" [ref=e1]:\n  - generic [ref=e2]: a\n  - heading \"b\" [ref=e3]\n");
    Ok(())
}

#[test]
fn rule_3_lets_an_inner_name_speak_for_an_outer_one() -> Outcome {
    let text = shown(
        r#"{"r":"row","n":"a","e":1,"w":[1,2]},{"p":0,"r":"link","n":"a","e":2,"w":[2]},{"p":1,"r":"generic","e":3},{"p":2,"t":"a"}"#,
    )?;
    assert_eq!(text, "- row [ref=e1]:\n  - link \"a\" [ref=e2]\n");
    Ok(())
}

#[test]
fn rule_3_ignores_sources_elsewhere_or_without_ref() -> Outcome {
    let text = shown(
        r#"{"r":"region","n":"a","e":1,"w":[2]},{"p":0,"t":"x"},{"r":"heading","n":"a","e":2},{"r":"link","n":"b","e":3,"w":[4]},
        {"p":3,"r":"heading","n":"b"}"#,
    )?;
    assert_eq!(
        text,
        "- region \"a\" [ref=e1]: x\n- heading \"a\" [ref=e2]\n- link \"b\" [ref=e3]:\n  - heading \"b\"\n"
    );
    Ok(())
}

#[test]
fn rule_3_keeps_a_name_whose_source_is_too_deep_to_be_printed() -> Outcome {
    let nodes =
        r#"{"r":"list","e":1},{"p":0,"r":"link","n":"Card","e":2,"w":[2]},{"p":1,"r":"heading","n":"Card","e":3}"#;
    assert_eq!(shown_to(nodes, Some(1))?, "- list [ref=e1]:\n  - link \"Card\" [ref=e2]\n");
    assert_eq!(shown_to(nodes, Some(2))?, "- list [ref=e1]:\n  - link [ref=e2]:\n    - heading \"Card\" [ref=e3]\n");
    assert_eq!(shown_to(nodes, Some(0))?, shown(nodes)?);
    Ok(())
}

#[test]
fn rule_4_takes_over_the_text_of_an_only_generic() -> Outcome {
    let text =
        shown(r#"{"r":"generic","e":1},{"p":0,"r":"generic","e":2},{"p":1,"r":"generic","e":3},{"p":2,"t":"a"}"#)?;
    assert_eq!(text, "- generic [ref=e1]: a\n");
    let text = shown(r#"{"r":"generic","e":1},{"p":0,"r":"generic","e":2,"s":["active"]},{"p":1,"t":"a"}"#)?;
    assert_eq!(text, "- generic [active] [ref=e2]: a\n");
    Ok(())
}

#[test]
fn rule_5_removes_a_generic_that_repeats_the_name_above() -> Outcome {
    let text = shown(
        r#"{"r":"button","n":"a","e":1,"w":[1]},{"p":0,"r":"generic","e":2},{"p":1,"t":"a"},
        {"r":"group","n":"b","e":3},{"p":3,"r":"generic","e":4,"s":["active"]},{"p":4,"t":"b"},{"p":3,"t":"c"}"#,
    )?;
    assert_eq!(
        text,
        "- button \"a\" [ref=e1]\n- group \"b\" [ref=e3]:\n  - generic [active] [ref=e4]: b\n  - text: c\n"
    );
    Ok(())
}

#[test]
fn rule_5_puts_the_ref_back() -> Outcome {
    let text = shown(
        r#"{"r":"link","n":"a","e":1,"w":[1]},{"p":0,"r":"generic","e":2},{"p":1,"r":"generic","e":3},{"p":2,"t":"a"}"#,
    )?;
    assert_eq!(text, "- link \"a\" [ref=e1]\n");
    Ok(())
}

#[test]
fn rule_6_removes_and_unwraps_generics() -> Outcome {
    let text = shown(
        r#"{"r":"generic","e":1,"s":["active"]},{"p":0,"r":"generic","e":2},{"p":0,"r":"generic"},{"p":2,"r":"button","n":"a","e":3}"#,
    )?;
    assert_eq!(text, "- button \"a\" [ref=e3]\n");
    let text = shown(r#"{"r":"generic","e":1,"c":1},{"r":"generic","e":2},{"p":1,"r":"button","n":"a"}"#)?;
    assert_eq!(text, "- generic [ref=e1] [cursor=pointer]\n- generic [ref=e2]:\n  - button \"a\"\n");
    Ok(())
}

#[test]
fn only_the_outermost_hand_is_printed() -> Outcome {
    let text = shown(
        r#"{"r":"link","n":"a","e":1,"c":1},{"p":0,"r":"button","n":"b","e":2,"c":1},{"r":"main","c":1},
        {"p":2,"r":"button","n":"c","e":3,"c":1}"#,
    )?;
    assert_eq!(
        text,
        "- link \"a\" [ref=e1] [cursor=pointer]:\n  - button \"b\" [ref=e2]\n- main:\n  - button \"c\" [ref=e3] [cursor=pointer]\n"
    );
    Ok(())
}

#[test]
fn properties_come_first_and_push_text_below() -> Outcome {
    let text = shown(r#"{"r":"link","n":"a","e":1,"u":"x: y"},{"p":0,"t":"b"},{"r":"textbox","n":"c","h":""}"#)?;
    assert_eq!(
        text,
        "- link \"a\" [ref=e1]:\n  - /url: \"x: y\"\n  - text: b\n- textbox \"c\":\n  - /placeholder: \"\"\n"
    );
    Ok(())
}

#[test]
fn frames_print_below_their_iframe_with_their_own_refs() -> Outcome {
    let mut page: Tree = serde_json::from_str(
        r#"{"nodes":[{"r":"list","e":1,"c":1},{"p":0,"r":"iframe","e":2,"f":0,"c":1},{"p":0,"t":"z"}]}"#,
    )?;
    let inner = r#"{"nodes":[{"r":"generic","e":1},{"p":0,"r":"button","n":"b","e":2,"c":1}],"truncated":"stopped"}"#;
    page.graft(1, serde_json::from_str(inner)?, "f7");
    let options = RenderOptions { prefix: "f2".to_owned(), ..RenderOptions::default() };
    let shown = render(&page, &options);
    assert_eq!(
        shown.text,
        "- list [ref=f2e1] [cursor=pointer]:\n  - iframe [ref=f2e2]:\n    - button \"b\" [ref=f7e2] [cursor=pointer]\n  - text: z\n"
    );
    assert_eq!((shown.nodes, shown.refs, shown.note.as_deref()), (3, 3, Some("stopped")));
    Ok(())
}

#[test]
fn a_deep_tree_needs_no_deep_stack() -> Outcome {
    let mut nodes = vec![r#"{"r":"list"}"#.to_owned()];
    nodes.extend((0..100_000).map(|parent| format!(r#"{{"p":{parent},"r":"list"}}"#)));
    let tree: Tree = serde_json::from_str(&format!(r#"{{"nodes":[{}]}}"#, nodes.join(",")))?;
    let options = RenderOptions { depth: Some(1), ..RenderOptions::default() };
    assert_eq!(render(&tree, &options).text, "- list:\n  - list\n");
    Ok(())
}

#[test]
fn a_parent_that_comes_later_is_left_out() -> Outcome {
    assert_eq!(shown(r#"{"p":1,"r":"list"},{"p":9,"r":"list"},{"r":"main","w":[7]}"#)?, "- main\n");
    Ok(())
}

//! Aliases: from names to users, worked out once when a directory is made.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use super::directory::Target;
use super::entries::{Alias, Entries};
use super::error::{DirectoryError, DirectoryFault, Place};

/// What a target names.
#[derive(Debug, Clone, Copy)]
enum Named {
    User(usize),
    Alias(usize),
}

/// What every alias comes down to, in the order of `entries.aliases`: each
/// user once, with all the ways that lead to it.
///
/// # Errors
/// An alias without targets, a target that does not exist, a loop.
pub(super) fn expand(entries: &Entries) -> Result<Vec<Vec<Target>>, DirectoryError> {
    let graph = name_targets(entries)?;
    if let Some(path) = find_loop(&graph) {
        let names = path.iter().filter_map(|&alias| entries.aliases.get(alias));
        let names: Vec<&str> = names.map(|alias| alias.name.as_str()).collect();
        return Err(DirectoryError {
            place: Place::Alias(path.first().copied().unwrap_or_default()),
            fault: DirectoryFault::Loop(names.join(" -> ")),
        });
    }
    Ok((0..graph.len())
        .map(|alias| expand_one(alias, &graph, entries))
        .collect())
}

/// The targets of every alias by number instead of by name.
fn name_targets(entries: &Entries) -> Result<Vec<Vec<Named>>, DirectoryError> {
    let users = entries.users.iter().enumerate();
    let aliases = entries.aliases.iter().enumerate();
    let names: HashMap<String, Named> = users
        .map(|(number, user)| (user.name.to_lowercase(), Named::User(number)))
        .chain(aliases.map(|(number, alias)| (alias.name.to_lowercase(), Named::Alias(number))))
        .collect();
    let mut graph = Vec::new();
    for (number, alias) in entries.aliases.iter().enumerate() {
        if alias.targets.is_empty() {
            return Err(DirectoryError {
                place: Place::Alias(number),
                fault: DirectoryFault::NoTargets(alias.name.clone()),
            });
        }
        let mut targets = Vec::new();
        for (target, name) in alias.targets.iter().enumerate() {
            let named = names.get(&name.to_lowercase());
            targets.push(*named.ok_or_else(|| DirectoryError {
                place: Place::AliasTarget {
                    alias: number,
                    target,
                },
                fault: unknown_target(alias, name, entries),
            })?);
        }
        graph.push(targets);
    }
    Ok(graph)
}

fn unknown_target(alias: &Alias, target: &str, entries: &Entries) -> DirectoryFault {
    let holder = entries.users.iter().find(|user| {
        let mut addresses = user.addresses.iter();
        addresses.any(|address| address.to_string().eq_ignore_ascii_case(target))
            || entries
                .domains
                .iter()
                .any(|domain| format!("{}@{domain}", user.name).eq_ignore_ascii_case(target))
    });
    let hint = match holder {
        Some(user) => format!("; it is an address of {0}, so write \"{0}\"", user.name),
        None if target.contains('@') => {
            "; targets are users and aliases of this directory, not addresses elsewhere".to_string()
        }
        None => String::new(),
    };
    DirectoryFault::UnknownTarget {
        alias: alias.name.clone(),
        target: target.to_string(),
        hint,
    }
}

/// The aliases of a loop, the first one again at the end. Without recursion:
/// a chain of aliases may be as long as the file.
fn find_loop(graph: &[Vec<Named>]) -> Option<Vec<usize>> {
    let mut done = HashSet::new();
    for start in 0..graph.len() {
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        let mut on_path = HashSet::from([start]);
        while let Some((alias, next)) = path.last_mut() {
            let target = graph.get(*alias).and_then(|targets| targets.get(*next));
            *next += 1;
            match target {
                Some(Named::Alias(target)) if on_path.contains(target) => {
                    let members = path.iter().map(|&(alias, _)| alias);
                    let members = members.skip_while(|alias| alias != target);
                    return Some(members.chain([*target]).collect());
                }
                Some(Named::Alias(target)) if !done.contains(target) => {
                    on_path.insert(*target);
                    path.push((*target, 0));
                }
                Some(_) => {}
                None => {
                    on_path.remove(alias);
                    done.insert(*alias);
                    path.pop();
                }
            }
        }
    }
    None
}

/// Each alias below `root` is entered once, by the shortest way: the number of
/// ways through a graph can double with every alias, the reasons must not.
fn expand_one(root: usize, graph: &[Vec<Named>], entries: &Entries) -> Vec<Target> {
    // Each alias with the one that it was entered from.
    let mut entered_from = HashMap::from([(root, root)]);
    let mut waiting = VecDeque::from([root]);
    let mut users: Vec<usize> = Vec::new();
    let mut reasons: HashMap<usize, Vec<usize>> = HashMap::new();
    while let Some(alias) = waiting.pop_front() {
        for target in graph.get(alias).into_iter().flatten() {
            match *target {
                Named::Alias(target) => {
                    if let Entry::Vacant(vacant) = entered_from.entry(target) {
                        vacant.insert(alias);
                        waiting.push_back(target);
                    }
                }
                Named::User(user) => {
                    let reasons = reasons.entry(user).or_insert_with(|| {
                        users.push(user);
                        Vec::new()
                    });
                    if reasons.last() != Some(&alias) {
                        reasons.push(alias);
                    }
                }
            }
        }
    }
    let why = |alias: &usize| describe_way(*alias, root, &entered_from, entries);
    let targets = users.into_iter().filter_map(|user| {
        let reasons = reasons.get(&user)?.iter().map(why);
        Some(Target {
            user: entries.users.get(user)?.name.clone(),
            why: reasons.collect::<Vec<_>>().join("; "),
        })
    });
    targets.collect()
}

/// The way from `root` to an alias below it: `alias all via team via sales`.
fn describe_way(
    alias: usize,
    root: usize,
    entered_from: &HashMap<usize, usize>,
    entries: &Entries,
) -> String {
    let name = |alias: usize| entries.aliases.get(alias).map_or("", |a| a.name.as_str());
    let mut names = vec![name(alias)];
    let mut at = alias;
    while at != root {
        at = entered_from.get(&at).copied().unwrap_or(root);
        names.push(name(at));
    }
    names.reverse();
    format!("alias {}", names.join(" via "))
}

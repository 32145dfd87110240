//! `write_cycles`: committed transactions whose records lie in one order in one partition and in another order in another (G0 in Adya's terms). Kafka
//! allows it, and so does the job: it is told and never counts against a run. The job's transactions read nothing that
//! transactions wrote, so that there are no other cycles (G1c).

use std::collections::{BTreeSet, HashMap};

use crate::chaos::kafka_log::Transactions;

/// How many transactions are part of a cycle of writes. Linear.
pub(super) fn count(transactions: &Transactions) -> u64 {
    let (nodes, edges) = graph(transactions);
    let mut follows: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (from, to) in &edges {
        follows[*from].push(*to);
    }
    strongly_connected(&follows)
}

/// Whoever wrote next to whom in a partition; one node for each producer and epoch.
fn graph(transactions: &Transactions) -> (usize, BTreeSet<(usize, usize)>) {
    let mut numbers = HashMap::new();
    let mut last: HashMap<i32, usize> = HashMap::new();
    let mut edges = BTreeSet::new();
    for of_batch in transactions.of_batch.iter().flatten() {
        let transaction = &transactions.all[*of_batch];
        if !transaction.is_committed() {
            continue;
        }
        let next = numbers.len();
        let node = *numbers.entry(transaction.producer).or_insert(next);
        if let Some(before) = last.insert(transaction.partition, node).filter(|before| *before != node) {
            edges.insert((before, node));
        }
    }
    (numbers.len(), edges)
}

/// Nodes in components of more than one (Tarjan's algorithm, without recursion).
fn strongly_connected(follows: &[Vec<usize>]) -> u64 {
    const NEVER: usize = usize::MAX;
    let nodes = follows.len();
    let (mut index, mut low, mut on) = (vec![NEVER; nodes], vec![0; nodes], vec![false; nodes]);
    let (mut stack, mut next, mut found) = (Vec::new(), 0, 0);
    for start in 0..nodes {
        if index[start] != NEVER {
            continue;
        }
        let mut work = vec![(start, 0_usize)];
        while let Some((node, child)) = work.pop() {
            if child == 0 {
                (index[node], low[node], on[node]) = (next, next, true);
                next += 1;
                stack.push(node);
            }
            if let Some(to) = follows[node].get(child).copied() {
                work.push((node, child + 1));
                if index[to] == NEVER {
                    work.push((to, 0));
                } else if on[to] {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == index[node] {
                let at = stack.iter().rposition(|one| *one == node).unwrap_or(0);
                let component = stack.split_off(at);
                component.iter().for_each(|one| on[*one] = false);
                if component.len() > 1 {
                    found += super::log::count(component.len());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(nodes: usize, edges: &[(usize, usize)]) -> u64 {
        let mut follows = vec![Vec::new(); nodes];
        for (from, to) in edges {
            follows[*from].push(*to);
        }
        strongly_connected(&follows)
    }

    #[test]
    fn members_of_cycles_are_counted_and_others_are_not() {
        assert_eq!(cycles(3, &[(0, 1), (1, 2)]), 0);
        assert_eq!(cycles(4, &[(0, 1), (1, 0), (1, 2), (2, 3)]), 2);
        assert_eq!(cycles(6, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 4)]), 5);
        assert_eq!(cycles(2, &[]), 0);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let edges: Vec<_> = (0..200_000).map(|node| (node, (node + 1) % 200_001)).collect();
        assert_eq!(cycles(200_001, &edges), 0);
        let ring: Vec<_> = (0..200_000).map(|node| (node, (node + 1) % 200_000)).collect();
        assert_eq!(cycles(200_000, &ring), 200_000);
    }
}

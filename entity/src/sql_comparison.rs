//! Evaluates the comparisons of stored enums that SQL statements contain, so that tests can compare them with the
//! enums.

/// Returns true when `value` satisfies a comparison: `= 1`, `<> 1`, `< 3` or `IN (1, 2)`.
pub fn satisfied(comparison: &str, value: i64) -> bool {
    let (operator, operand) = comparison.split_once(' ').expect("an operator and an operand");
    let numbers = operand.trim_matches(['(', ')']).split(", ").map(|number| number.parse::<i64>().expect("a number"));
    let numbers: Vec<i64> = numbers.collect();
    match (operator, numbers.as_slice()) {
        ("=", [one]) => value == *one,
        ("<>", [one]) => value != *one,
        ("<", [one]) => value < *one,
        ("IN", several) => several.contains(&value),
        _ => panic!("{comparison} is no known comparison"),
    }
}

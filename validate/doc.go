// Package validate tells whether a message may pass: rules that an operator writes,
// compiled once for a codec into a [Program], and a [Checker] for each shard.
//
// A rule is a list of operations, a field, a limit, a JSON Schema or an expression. All
// that is wrong with a message is found, and told without a value of it: where, by
// which rule, what was wanted and what kind of thing was there. It fails closed: a
// rule that cannot be carried out refuses.
package validate

// Package resp is RESP2 and RESP3, what Redis and its kin speak
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
//
// A request is an array of bulk strings. It has no id: answers come in the order of the requests, on both sides. What a
// command is, how many arguments it takes, which of them are keys, and what it does to its connection stands in a table,
// that of Redis 7; what is not in it is refused, or passed on if the options say so.
//
// Decisions where the specification is silent:
//
//   - Lengths and counts are plain decimal numbers without sign or leading zeros, -1 only where it means null. Redis
//     takes more; what it writes itself is never more.
//   - A request that is no array of bulk strings, but whole, is refused and the connection stays: it is in step.
//   - Streamed strings and aggregates ($?, *?) are refused: no server sends them.
//   - A transaction of which the gateway has refused a command is discarded when its EXEC comes, as Redis does with one of
//     its own. What follows a MULTI that was refused is not carried out: who sends anything but an end of it is closed.
//   - An empty request, and an empty line, are passed over, as Redis does.
package resp

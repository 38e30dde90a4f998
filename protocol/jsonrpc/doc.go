// Package jsonrpc is JSON-RPC 2.0 (https://www.jsonrpc.org/specification, of
// 2013-01-04), in lines, behind Content-Length or a 32-bit length, or as bare values.
//
// Messages are read by a scanner of its own, in one pass. It is stricter than
// encoding/json, so that no two readers can understand one text in two ways: a name
// that occurs twice at any depth, an envelope name in another case, bad UTF-8, a lone
// surrogate, a byte order mark and NUL (\u0000 too) are refused. What is sent on is
// the envelope written anew around the parts that were checked.
//
// Decisions where the specification is silent:
//
//   - An id of null is allowed and comes back as null. As any other it can be in flight
//     only once for each connection.
//   - Members of the envelope that the specification does not name are refused from a
//     client, unless Options.DropMembers is set, and left out from a backend.
//   - A response from a client is refused with id null: its id is the backend's, not
//     one of its own.
//   - A fault within params leaves a notification a notification: nobody is answered.
package jsonrpc

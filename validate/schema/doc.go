// Package schema carries out a JSON Schema (draft 2020-12) on JSON text as it stands in a
// frame, without decoding it: a schema is compiled once into a [Program], and a [Checker]
// passes over the bytes once, notes where the values are, and applies the program to
// them. On a valid message that costs no allocation.
//
// It says valid or not, and never why. Its verdicts are those of santhosh-tekuri/jsonschema
// with formats asserted. A schema that it cannot carry out to the very same verdict is not
// compiled at all: see [Outside].
package schema

//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// Texts of routes have a place for the address to listen on, and one for the backend's.

// respRoute has rules on commands, their shape and their keys.
const respRoute = `  - name: cache
    listen: %s
    protocol:
      name: resp
      commands: { CONFIG GET: shared, KEYS: refused }
      deny: [SCAN]
      keys: [{ pattern: "key:*" }]
    limits: { frame: 32MiB, connections: 20000, connections_per_peer: 20000, in_flight_total: 1000000 }
    backend: { address: %s, connections: 1, in_flight: 65536 }
`

// jsonRoute has a list of methods, rules on fields and a schema, which is in a file beside it.
const jsonRoute = `  - name: orders
    listen: %s
    protocol: { name: jsonrpc }
    limits: { connections: 20000, connections_per_peer: 20000, in_flight: 1024, in_flight_total: 100000 }
    validate:
      - allow: [order.place]
      - field: { path: /params/quantity, type: integer, required: true, min: 1, max: 1000 }
      - field: { path: /params/item, type: string, required: true, max_length: 20 }
      - schema: orders.schema.json
    backend: { address: %s, connections: 1, in_flight: 65536 }
`

//go:embed orders.schema.json
var ordersSchema string

// modbusRoute has rules on units, functions and registers.
const modbusRoute = `  - name: plant
    listen: %s
    protocol: { name: modbus, access: [{ units: 1-9, functions: "3", ranges: 0-60001 }] }
    limits: { connections: 20000, connections_per_peer: 20000, in_flight: 1024, in_flight_total: 100000 }
    backend: { address: %s, connections: 1, in_flight: 4096, window: 256 }
`

// paymentRoute has a list of message types, mandatory fields, dates, and rules on fields.
const paymentRoute = `  - name: payments
    listen: %s
    protocol:
      name: iso8583
      dialect: { name: host, base: 1987-ascii, bitmap: binary }
      rules: { luhn: true, messages: { "0200": { mandatory: [2, 3, 4, 11, 41, 49] } } }
    limits: { connections: 20000, connections_per_peer: 20000, in_flight: 1024, in_flight_total: 100000 }
    validate:
      - allow: ["0200", "0201", "0400", "0401"]
      - field: { path: DE4, min: 1 }
      - field: { path: DE49, in: ["978", "840"] }
    backend: { address: %s, connections: 1, in_flight: 65536 }
`

// wardRoute has a list of messages, required fields and a profile. Its backend takes as many at once as the others'.
const wardRoute = `  - name: wards
    listen: %s
    protocol:
      name: hl7
      rules: { types: [ADT^A01, ADT^A08, ORU^R01], processing: [P], required: [PID, PID-3.1, PID-5], z: [none] }
      profiles:
        - messages: [ADT^A01]
          segments:
            - MSH
            - EVN
            - segment: PID
              fields: { "3": { components: { "1": { length: 15 } } }, "7": { type: DTM }, "8": { values: [M, F, O, U] } }
            - { segment: NK1, usage: O, max: "*" }
            - { segment: PV1, usage: O, fields: { "2": { usage: R, values: [I, O, E] }, "3": { usage: C, when: { path: PV1-2, in: [I] } } } }
            - { segment: OBX, usage: O, max: "*", fields: { "3": { usage: R }, "11": { usage: R } } }
    limits: { connections: 20000, connections_per_peer: 20000, in_flight: 1024, in_flight_total: 100000 }
    backend: { address: %s, connections: 1, in_flight: 65536 }
`

// withoutProfile returns route with neither rules nor profiles.
func withoutProfile(route string) string {
	before, _, _ := strings.Cut(route, "      rules:")
	_, behind, _ := strings.Cut(route, "    limits:")
	return before + "    limits:" + behind
}

// withRules returns route with lines of rules in place of its own, or with none at all.
func withRules(route, rules string) string {
	before, rest, _ := strings.Cut(route, "    validate:\n")
	_, backend, _ := strings.Cut(rest, "    backend:")
	if rules != "" {
		rules = "    validate:\n" + rules
	}
	return before + rules + "    backend:" + backend
}

// withBatches returns route with up to so many requests in one array to its backend.
func withBatches(route string, most int) string {
	return strings.TrimSuffix(route, " }\n") + fmt.Sprintf(", batch: { max: %d } }\n", most)
}

// withBackends returns route with so many backends, all of them at the same address.
func withBackends(route string, n int) string {
	before, backend, _ := strings.Cut(route, "    backend: {")
	text := strings.Replace(before, "%s", "%[1]s", 1) + "    backends:\n"
	for i := range n {
		text += fmt.Sprintf("      - { name: b%d,%s", i, strings.Replace(backend, "%s", "%[2]s", 1))
	}
	return text
}

// variant makes sallyport with route, called name.
func variant(name, why, route string) maker {
	return func(b *bench, backend string) (*rig.Proxy, error) {
		return b.route(backend, name, why, route, b.o.cores)
	}
}

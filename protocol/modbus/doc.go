// Package modbus is Modbus TCP: the PDU of the MODBUS Application Protocol Specification V1.1b3 behind the MBAP header of
// the MODBUS Messaging on TCP/IP Implementation Guide V1.0b.
//
// A body is the whole ADU, header included, since the transaction id stands in it. Addresses are those of the protocol, from 0 on:
// what a manual calls holding register 40001 is address 0 of function 3.
//
// Decisions where the specification leaves room:
//
//   - A header that cannot be right (protocol id, length) closes the connection: where the next frame begins is not known,
//     and there is no exception for it. A PDU that cannot be right is answered with exception 03, one that reaches beyond
//     address 65535 with 02 and an unknown function with 01, as section 7 has it.
//   - What policy forbids is answered with 01 if it is the function, and with 02 if it is the address or the value: 03 "specifically
//     does NOT mean that a data item submitted for storage has a value outside the expectation" (section 7).
//   - Unit 0 is a unit as any other, since most devices that speak TCP answer to it (Implementation Guide, 4.4.2.3). Behind it
//     a serial line may take it for a broadcast, which nobody answers: Options.Unit0 refuses it.
package modbus

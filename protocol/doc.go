// Package protocol holds the words that every part of sallyport shares: what a
// [Message] is, what a [Codec] can do and say, and what a [Notice] tells a client.
//
// It knows no protocol, no connection and no rule. One folder beside this file is
// one protocol; frame has the framings that several of them share, protocoltest
// the suite that every codec passes.
package protocol

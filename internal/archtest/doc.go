// Package archtest holds tests of the source as a whole: which package may import
// which, that every exported name is documented, that every lock is given back, what
// lies at the top of the repository, and that go vet has nothing to say. It exports
// nothing and nothing imports it.
package archtest

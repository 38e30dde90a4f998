package main

import (
	"strings"
	"testing"
)

func TestDemoEndsWellAndShowsWhatItPromises(t *testing.T) {
	got, err := output(newDemoCommand(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/params/item: ", "/params/quantity: ", // a refusal with two reasons and a path each
		`"method":"$/accepted"`,          // a wait notice
		"one array of three results",     // one response for three clients
		"late 1, and nobody got it",      // a late answer
		`"order":"B-2"`, `"order":"C-3"`, // each under the same id
		"checks hold.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
	if wait, result := strings.Index(got, "$/accepted"), strings.Index(got, `"result":{"ms":1200}`); wait > result {
		t.Error("the wait notice comes after its result")
	}
}

package gateway

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestErrandsAreAQueueOfWhichAnyMayBeTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q errands
		var want []*errand
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					e := &errand{}
					q.push(e)
					want = append(want, e)
				}
			},
			"take": func(t *rapid.T) {
				if len(want) > 0 {
					i := rapid.IntRange(0, len(want)-1).Draw(t, "i")
					if got := q.take(i); got != want[i] {
						t.Fatal("another errand was taken")
					}
					want = slices.Delete(want, i, i+1)
				}
			},
			"take the first ones": func(t *rapid.T) {
				for range min(len(want), rapid.IntRange(1, 20).Draw(t, "n")) {
					if q.take(0) != want[0] {
						t.Fatal("another errand was taken")
					}
					want = want[1:]
				}
			},
			"put in front": func(*rapid.T) {
				list := append([]*errand{{}}, q.all()...)
				q = errands{list: list}
				want = slices.Clone(list)
			},
			"": func(t *rapid.T) {
				if !slices.Equal(q.all(), want) || q.len() != len(want) {
					t.Fatalf("got %d errands, want %d", q.len(), len(want))
				}
			},
		})
	})
}

func TestAQueueThatIsTakenFromInFrontKeepsItsArray(t *testing.T) {
	var q errands
	e := &errand{}
	turn := func() {
		for range 100 {
			q.push(e)
		}
		for range 100 {
			q.take(0)
		}
	}
	turn()
	if got := testing.AllocsPerRun(100, turn); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

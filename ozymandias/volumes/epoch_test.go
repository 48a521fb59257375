package volumes_test

import (
	"os"
	"path/filepath"
	"testing"

	"teamtask.dev/ozymandias/schedule"
)

// A volume tells by which instance it was used last, whoever opens it, and whatever else becomes of it.
func TestEpoch(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	at := func(epoch, space int64) schedule.Volume {
		v := volume("data", space)
		v.Epoch = epoch
		return v
	}
	for _, step := range []struct{ asked, has schedule.Volume }{
		{at(3, mega), at(3, mega)},
		{at(3, mega), at(3, mega)},
		{at(5, mega), at(5, mega)},
		{at(4, mega), at(5, mega)}, // late
		{at(7, 2*mega), at(7, 2*mega)},
		{at(6, 3*mega), at(7, 3*mega)},
		{at(9, mega), at(9, 3*mega)},
	} {
		ensure(t, s, step.asked)
		all(t, s, step.has)
		s = open(t, dir)
		all(t, s, step.has)
	}
}

// Of a volume from before that was written down it is not known.
func TestNoEpoch(t *testing.T) {
	dir := place(t)
	ensure(t, open(t, dir), volume("data", mega))
	records, err := filepath.Glob(dir + "/*/volume.json")
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	old := `{"job":"019a-uid","id":"0","name":"data","space":1000000}` + "\n"
	if is, err := os.ReadFile(records[0]); err != nil || string(is) != old {
		t.Errorf("the record is %s, %v", is, err)
	}
	all(t, open(t, dir), volume("data", mega))
}

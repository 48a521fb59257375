package worklist

// fence remembers the latest leases that had run out and whose range was handed out again, so that their holders get a
// clear refusal even when the range is done by now. What is forgotten here is answered as a duplicate, which is as safe.
type fence struct {
	ids  map[uint64]struct{}
	ring []uint64
	at   int
}

const fenceCap = 1 << 16

func (f *fence) add(id uint64) {
	if f.ids == nil {
		f.ids = map[uint64]struct{}{}
	}
	if _, ok := f.ids[id]; ok {
		return
	}
	if len(f.ring) < fenceCap {
		f.ring = append(f.ring, id)
	} else {
		delete(f.ids, f.ring[f.at])
		f.ring[f.at] = id
		f.at = (f.at + 1) % fenceCap
	}
	f.ids[id] = struct{}{}
}

func (f *fence) has(id uint64) bool {
	_, ok := f.ids[id]
	return ok
}

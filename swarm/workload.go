package swarm

// MaxWeight is the largest weight and the largest capacity, and no sum of weights may exceed it either: 2^53-1, so that
// every load is exact as a JSON number in every language.
const MaxWeight = 1<<53 - 1

// Workload is standing work that has one owner at a time.
type Workload struct {
	Name      string            // unique, not empty
	Weight    int64             // how much of a worker it takes, in the user's own unit; 0 means 1
	Exclusive bool              // it shares its worker with nothing else
	Priority  int32             // where there is not room for all, higher ones come first
	Require   map[string]string // labels its worker must have
}

// Worker is a member of the pool.
type Worker struct {
	Name     string // unique, not empty
	Labels   map[string]string
	Capacity int64 // the largest sum of weights it takes; 0 means no bound
	Draining bool  // about to go: it is given nothing, and what it has moves away as far as there is room elsewhere
}

// units is the weight with its default filled in.
func (w *Workload) units() int64 {
	if w.Weight == 0 {
		return 1
	}
	return w.Weight
}

// holds tells whether a load is within the worker's capacity.
func (w *Worker) holds(load int64) bool { return w.Capacity == 0 || load <= w.Capacity }

// fulfils tells whether the worker has every label with the value required.
func (w *Worker) fulfils(require []label) bool {
	for _, l := range require {
		if has, ok := w.Labels[l.name]; !ok || has != l.value {
			return false
		}
	}
	return true
}

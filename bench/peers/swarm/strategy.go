package main

// assign decides which worker has which workload, given who had what before. It neither keeps its arguments nor changes them,
// and returns a table of its own: the worker of each workload.
//
// Within timed, which is called once, is what the strategy does itself. Outside is what it takes to translate from
// and to what it works on, such as numbers for names, which one who uses nothing else would not have to do.
type assign func(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error)

// A strategy is one way to assign.
type strategy struct {
	name  string
	start func() assign // for a new pool: what is returned may remember it
}

// strategies has Teamtask's first: the others' times are compared with its.
var strategies = []strategy{
	{"Teamtask", stateless(teamtask)},
	{"Kafka's sticky assignor (franz-go)", stateless(sticky)},
	{"bounded-load hashing (buraksezer)", ring},
	{"rendezvous hashing", stateless(rendezvous)},
	{"jump consistent hash", stateless(jump)},
	{"contiguous parts (k8s-swarm)", stateless(contiguous)},
}

func stateless(a assign) func() assign { return func() assign { return a } }

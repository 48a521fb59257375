package main

// A scenario is a number of changes to a pool.
type scenario struct {
	title  string // none: it only sets the stage for the next one
	steps  int    // 0: as many as the size says
	change func(*pool)
}

// scenarios follow one another in the life of one pool, which begins with m workers.
var scenarios = []scenario{
	{"A worker more: m -> m+1", 1, (*pool).addWorker},
	{"A worker fewer, the last one: m+1 -> m", 1, (*pool).removeLastWorker},
	{"", 1, (*pool).addWorker},
	{"The worker in the middle lost: m+1 -> m", 1, (*pool).removeMiddleWorker},
	{"", 1, (*pool).addWorker},
	{"The worker in the middle replaced by one with another name", 1, (*pool).replaceMiddleWorker},
	{"A tenth of the workloads replaced", 1, (*pool).replaceTenth},
	{"Random changes: a worker comes, goes or is replaced, or a hundredth of the workloads is", 0, (*pool).churn},
}

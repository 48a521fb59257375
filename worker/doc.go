// Package worker runs a user's command for the items of a block, as users of GNU parallel expect.
//
// A [Template] is a command line with replacement strings; it says whether the command runs once for each item, once for
// each block, or once for each block with the items on its standard input. A [Runner] goes through a block and hands what
// it finds to a sink, item by item, so that what is done is reported while the rest is still in work:
//
//	t, err := worker.Parse([]string{"ping", "-c1", "{}"}, false)
//	r := &worker.Runner{Template: t, Source: hosts, Stdout: os.Stdout, Stderr: os.Stderr}
//	err = r.Run(ctx, lease, 1, drain, func(report v1alpha1.Report) { ... })
//
// The package knows nothing of servers: a block comes in, reports go out. A failing command is the item's failure and is
// reported, and so is an item of which no command can be made; a command that cannot be started for any item is the
// worker's failure, and Run's error.
package worker

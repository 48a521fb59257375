// Package listing is the command `get` of all programs: objects of several kinds as tables, as kubectl shows them, or as JSON and YAML;
// once, or again and again as they change.
//
//	cmd := &cobra.Command{Use: "get KIND [NAME...]"}
//	listing.AddTo(cmd, withClient, jobs, nodes) // get jobs, get jobs,nodes, get node n1 -o yaml, get jobs --watch
package listing

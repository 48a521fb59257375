// Package version says which Teamtask this is.
package version

import "runtime/debug"

// stamped is set by the build, with -ldflags "-X teamtask.dev/version.stamped=v1.2.3".
var stamped string

// Version is what the build was stamped with; otherwise what Go knows of the module, or "devel".
var Version = fromBuild()

func fromBuild() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}

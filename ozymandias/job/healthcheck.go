package job

// Healthcheck is asked again and again whether a container is well. A container begins as neither; what is not well is not in
// DNS, gets no requests, and is restarted by its restart policy.
type Healthcheck struct {
	// Type is [HTTP], [TCP] or [Exec].
	Type HealthcheckType `json:"type" doc:"http, tcp or exec." enum:"http,tcp,exec"`
	// Port to ask, for HTTP and TCP.
	Port int `json:"port,omitempty" doc:"Port to ask." minimum:"1" maximum:"65535"`
	// Path to get, for HTTP. Default "/".
	Path string `json:"path,omitempty" doc:"Path to get; default /."`
	// Command to run in the container, for Exec: well if it ends with 0. Text is split as a shell would.
	Command Words `json:"command,omitempty" doc:"Command to run in the container."`
	// Interval between the beginnings of two checks. Default 10s, at least 1s. A check that takes longer puts off the next.
	Interval Duration `json:"interval,omitempty" doc:"Time between two checks; default 10s."`
	// Timeout after which a check counts as failed. Default 5s.
	Timeout Duration `json:"timeout,omitempty" doc:"A check that takes longer has failed; default 5s."`
	// StartPeriod after the start of the container in which failures do not count. Default 0s.
	StartPeriod Duration `json:"start_period,omitempty" doc:"Failures do not count at first, for this long."`
	// HealthyThreshold is how many checks in a row must succeed. Default 1.
	HealthyThreshold int `json:"healthy_threshold,omitempty" doc:"Successes in a row to be well; default 1." minimum:"0" maximum:"100"`
	// UnhealthyThreshold is how many checks in a row must fail. Default 3.
	UnhealthyThreshold int `json:"unhealthy_threshold,omitempty" doc:"Failures in a row to be unwell; default 3." minimum:"0" maximum:"100"`
}

// HealthcheckType is how a container is asked.
type HealthcheckType string

const (
	// HTTP is well if a GET of Path is answered with a status of 200 to 399.
	HTTP HealthcheckType = "http"
	// TCP is well if a connection can be made.
	TCP HealthcheckType = "tcp"
	// Exec is well if a command ends with 0.
	Exec HealthcheckType = "exec"
)

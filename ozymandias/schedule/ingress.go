package schedule

// An IngressProblem is something that keeps a node's ingress from doing all that jobs ask of it. It is about one of Scheme, Host and
// TCP. It is for people: nothing is decided by it.
type IngressProblem struct {
	// Scheme is "http" or "https": nothing comes in by that.
	Scheme string `json:"scheme,omitempty"`
	// Host is one whose certificate is missing, or not as it should be.
	Host string `json:"host,omitempty"`
	// TCP is a port that connections do not come in by.
	TCP int `json:"tcp,omitempty"`
	// Text says what is wrong and what helps.
	Text string `json:"text"`
}

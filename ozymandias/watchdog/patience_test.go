package watchdog

import "time"

// SetLinger sets for how long a watchdog stays, so that a test need not wait for it.
func SetLinger(d time.Duration) { linger = d }

// SetAnswerWithin sets how long a watchdog may take to answer, on machines that are busy with other tests.
func SetAnswerWithin(d time.Duration) { answerWithin = d }

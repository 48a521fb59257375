package watchdog

import "time"

// SetLinger sets for how long a watchdog stays, so that a test need not wait for it.
func SetLinger(d time.Duration) { linger = d }

// SetStartWithin sets how long a watchdog may take from when it is started until it answers.
func SetStartWithin(d time.Duration) { startWithin = d }

// SetAnswerWithin sets how long a watchdog may take to answer, on machines that are busy with other tests.
func SetAnswerWithin(d time.Duration) { answerWithin = d }

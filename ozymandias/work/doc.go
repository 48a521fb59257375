// Package work tells how many instances a job with a worklist has work for, and when the list has ended, by following the list on
// its List server.
//
// A job says where that is as its containers are told: by TEAMTASK_SERVER and TEAMTASK_TOKEN in the environment of one of them, the
// token as a secret for choice, or by TEAMTASK_TOKEN_FILE that is one. The List server may be a job itself. Where there is no server, or no such list, this
// is written down with the job; so it is for a swarm whose pool is a job.
//
// One node follows a list, the first of the living by name. Two that both believe to be it write the same.
package work

// Package work tells how many instances a job with a worklist has work for, and when the list has ended, by following the list on
// its List server.
//
// The server is the one that the job's containers are told of: by TEAMTASK_SERVER and TEAMTASK_TOKEN in the environment of one of them, the
// token preferably as a secret, or by TEAMTASK_TOKEN_FILE, which has to be one. The List server may be a job itself. Where there is no server,
// or no such list, that is written down with the job; the same goes for a swarm whose pool is a job.
//
// One node follows a list, the first of the living by name. Two that both believe to be it write the same.
package work

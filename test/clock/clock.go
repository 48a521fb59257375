// Package clock has the wall clock of one process jump, for tests of what that does to it. All others, and the process's own clocks that
// nobody sets (CLOCK_MONOTONIC, CLOCK_BOOTTIME), go on as they were.
//
// Linux has no wall clock for each process: time namespaces are about the other clocks, and a Go program asks without a library that one could
// slip under it. It asks the vDSO, vdso(7), a piece of code that the kernel maps into each process. The process's copy of the function that
// tells the time is replaced by one that asks the kernel, and adds what the test wants. That is done for Linux on amd64.
package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Set has the wall clock of a process that is not ours be ahead of the machine's, or behind it if that is negative, by whole seconds. What
// it starts later has the machine's. It needs root.
func Set(pid int, ahead time.Duration) (err error) {
	if ahead%time.Second != 0 {
		return fmt.Errorf("set the clock of process %d: %v is not in whole seconds", pid, ahead)
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("set the clock of process %d: %w", pid, err)
	}
	defer memory.Close()
	code, err := find(pid)
	if err != nil {
		return fmt.Errorf("set the clock of process %d: %w", pid, err)
	}
	at, err := code.function(memory)
	if err != nil {
		return fmt.Errorf("set the clock of process %d: %w", pid, err)
	}
	if err := code.still(pid, func() error {
		_, err := memory.WriteAt(told(ahead), at)
		return err
	}); err != nil {
		return fmt.Errorf("set the clock of process %d: %w", pid, err)
	}
	return nil
}

// told is the machine code of clock_gettime(2) that adds a time to CLOCK_REALTIME.
func told(ahead time.Duration) []byte {
	return binary.LittleEndian.AppendUint64([]byte{
		0xb8, 228, 0, 0, 0, //       mov eax, 228 (clock_gettime; its arguments are where the caller has put ours)
		0x0f, 0x05, //               syscall
		0x85, 0xff, //               test edi, edi (CLOCK_REALTIME is 0)
		0x75, 10, //                 jne the end
		0x48, 0x8b, 0x0d, 6, 0, 0, 0, // mov rcx, [rip+6] (what follows the code)
		0x48, 0x01, 0x0e, //         add [rsi], rcx (the seconds of the answer)
		0xc3,       //               the end: ret
		0xcc, 0xcc, // so that what follows is aligned
	}, uint64(ahead/time.Second))
}

// A vdso is where that code is in a process.
type vdso struct{ from, to int64 }

func find(pid int) (v vdso, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return v, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			_, err := fmt.Sscanf(line, "%x-%x", &v.from, &v.to)
			return v, err
		}
	}
	return v, errors.New("it has no vDSO")
}

// function is where the function begins that is called for the time.
func (v vdso) function(memory io.ReaderAt) (int64, error) {
	image := make([]byte, v.to-v.from)
	if _, err := memory.ReadAt(image, v.from); err != nil {
		return 0, err
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	if file.Machine != elf.EM_X86_64 {
		return 0, fmt.Errorf("this is known for amd64 only, and not for %s", file.Machine)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			if need := len(told(0)); s.Size < uint64(need) {
				return 0, fmt.Errorf("%s has %d bytes, and %d are needed", s.Name, s.Size, need)
			}
			return v.from + int64(s.Value), nil
		}
	}
	return 0, errors.New("its vDSO has no clock_gettime")
}

// still does something while the process stands still, outside of the code that is to be changed.
func (v vdso) still(pid int, do func() error) error {
	defer syscall.Kill(pid, syscall.SIGCONT)
	for range 1000 {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		if stands, err := v.standsOutside(pid); err != nil {
			return err
		} else if stands {
			return do()
		}
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return err
		}
	}
	return errors.New("it asks for the time whenever it is looked at")
}

// standsOutside waits until all threads of a process that was told so stand still, and tells whether none does within the code.
func (v vdso) standsOutside(pid int) (bool, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil || len(tasks) == 0 {
		return false, fmt.Errorf("it has no threads: %w", err)
	}
	for _, task := range tasks {
		for {
			text, err := os.ReadFile(task)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				break
			}
			if err != nil {
				return false, err
			}
			stat, err := os.ReadFile(filepath.Join(filepath.Dir(task), "stat"))
			if err != nil {
				return false, err
			}
			fields := strings.Fields(string(text)) // proc_pid_syscall(5): at the end, where it goes on
			if len(fields) < 3 || !stopped(string(stat)) {
				continue // it still runs
			}
			at, err := strconv.ParseInt(fields[len(fields)-1], 0, 64)
			if err != nil {
				return false, err
			}
			if v.from <= at && at < v.to {
				return false, nil
			}
			break
		}
	}
	return true, nil
}

// stopped tells of a line of proc_pid_stat(5) whether the thread stands still by a signal.
func stopped(stat string) bool {
	_, after, _ := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	return strings.HasPrefix(after, "T")
}

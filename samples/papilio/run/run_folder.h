// The folder of a run: what may lie there before, and how a new run takes the place of an old one.
#pragma once

#include <filesystem>
#include <functional>

#include "samples/papilio/run/run_lock.h"

namespace papilio::cli {

// What a folder is for: it holds a model or an adapter, never both.
enum class ResultKind { model, adapter };

// Before a run, which keeps the lock until its end. --resume wants checkpoints in the folder; a new
// run makes it, and throws UsageError if it holds a result or checkpoints, unless `overwrite`.
// A result that a killed process was replacing is whole again then; nothing else in it changes.
// Throws FileError if another process writes into it.
[[nodiscard]] RunLock prepare_run_folder(const std::filesystem::path& out, ResultKind kind,
                                         bool resume, bool overwrite);
// The same before a result that is no run's: there is nothing to resume.
[[nodiscard]] RunLock prepare_result_folder(const std::filesystem::path& out, ResultKind kind,
                                            bool overwrite);

// Throws UsageError as that will; for a command, before it computes. Changes nothing.
void check_result_folder(const std::filesystem::path& out, ResultKind kind, bool overwrite);

// Whether a run or a result of any kind left files there; whether a whole result did.
bool holds_run(const std::filesystem::path& out);
bool holds_result(const std::filesystem::path& out);

// For a reader: throws FileError if a process ended while it replaced the result and neither the
// old nor the new one is whole; says where the old one is.
void check_not_half_replaced(const std::filesystem::path& folder);

// For a new run: removes what another has left but its result (a model or an adapter, with its
// report), which stays until the new one is there. Of half a result nothing stays. Throws
// FileError.
void begin_run_folder(const std::filesystem::path& out);

// Makes a folder's files.
using WriteFolder = std::function<void(const std::filesystem::path&)>;

// A run's result: `write` makes it, in the place of one that may be there. That one is whole until
// then: the new files are written into a folder of their own; the old ones move aside, and back if
// the new ones cannot take their place. Throws FileError, which names where both are if not even
// that works.
void write_result(const std::filesystem::path& out, const WriteFolder& write);
// The same in the place of everything that a run leaves.
void replace_run_folder(const std::filesystem::path& out, const WriteFolder& write);

}  // namespace papilio::cli

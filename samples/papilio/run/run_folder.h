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
// Nothing in it changes. Throws FileError if another process writes into it.
[[nodiscard]] RunLock prepare_run_folder(const std::filesystem::path& out, ResultKind kind,
                                         bool resume, bool overwrite);
// The same before a result that is no run's: there is nothing to resume.
[[nodiscard]] RunLock prepare_result_folder(const std::filesystem::path& out, ResultKind kind,
                                            bool overwrite);

// Whether a run or a result of any kind left files there.
bool holds_run(const std::filesystem::path& out);

// Removes every file that a run of any kind leaves in a folder. The configurations go first and
// come last when a model is written: half a model is no model. Throws FileError.
void clear_run_folder(const std::filesystem::path& out);

// Puts new files in the place of all that: `write` makes them in a folder of their own, so that
// what stops it (a full disk) leaves the old ones whole. They move aside, and back if the new
// ones cannot take their place. Throws FileError, which names where both are if not even that
// works.
void replace_run_folder(const std::filesystem::path& out,
                        const std::function<void(const std::filesystem::path&)>& write);

}  // namespace papilio::cli

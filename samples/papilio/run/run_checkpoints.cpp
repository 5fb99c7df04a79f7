#include "samples/papilio/run/run_checkpoints.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "nn/detail/line_difference.h"
#include "nn/train/fit.h"
#include "nn/train/training_state.h"
#include "samples/papilio/data/data_lines.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/output/table.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

std::string lines(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + '\n';
  return text;
}

// Throws UsageError if the classes are not those of the run.
void check_same_classes(const nn::TrainingNotes& then, const std::vector<std::string>& now) {
  const auto noted = then.find("classes");
  std::istringstream before(noted == then.end() ? lines(now) : noted->second);
  std::string name;
  for (size_t i = 0; i < now.size(); ++i) {
    std::getline(before, name);
    check<UsageError>(name == now[i], "--resume: class ", i, " of the data was ", printable(name),
                      ", now it is ", printable(now[i]));
  }
}

// How the note's lines are not what the run began with; "" if they are, or if a run of 0.1.0 does
// not say.
std::string difference(const std::string& note, const nn::TrainingNotes& then,
                       const std::string& now) {
  const auto noted = then.find(note);
  if (noted == then.end()) return "";
  const auto found = nn::line_difference(noted->second, now);
  if (!found) return "";
  const auto said = [](const std::string& line) {
    return line.empty() ? "no such line" : printable(line);
  };
  return str("--resume: the run began with ", said(found->own), ", now it would be ",
             said(found->other));
}

}  // namespace

RunCheckpoints::RunCheckpoints(const TrainingJob& job, const TrainingSettings& s,
                               const Options& options)
    : job_(job),
      data_lines_(data_lines(job.data)),
      first_random_(default_generator().state().offset),
      s_(s),
      options_(options),
      files_(job.out / "checkpoints", s.keep_checkpoints) {}

nn::TrainingPlace RunCheckpoints::place(int64_t step, const TrainingRecord& record) const {
  nn::TrainingNotes notes = record.notes(job_.settings);
  notes["classes"] = lines(job_.data.class_names);
  notes["model"] = job_.model_lines;
  notes["data"] = data_lines_;
  return {step, std::move(notes)};
}

TrainingRecord RunCheckpoints::checked(const nn::TrainingPlace& place,
                                       const nn::TrainingParts& parts,
                                       const std::filesystem::path& file) const {
  const auto fail = [&](const auto&... what) {
    throw FileError(str(file.string(), ": ", what...));
  };
  const int64_t batches = parts.loader.batches_per_epoch(), each = s_.accumulate;
  const int64_t per_epoch = nn::steps_per_epoch(parts.loader, each),
                total = total_steps(job_, s_, per_epoch),
                epochs = (total + per_epoch - 1) / per_epoch;
  if (place.step > total) fail("is of step ", place.step, " of a run of ", total);
  const auto [epoch, position] = std::pair(place.loader.epoch, place.loader.position);
  const bool in_run =
      epoch >= 0 && epoch < std::max<int64_t>(epochs, 1) && position >= 0 && position <= batches;
  const bool whole_step = position % each == 0 || position == batches;
  if (!in_run || !whole_step || place.step != epoch * per_epoch + (position + each - 1) / each)
    fail("step ", place.step, " does not end at batch ", position, " of epoch ", epoch);
  if (place.updates < 0 || place.updates > place.step)
    fail(place.updates, " steps of the optimiser in ", place.step, " of the run");
  if (place.random.seed != default_generator().state().seed)
    fail("its random numbers are of the seed ", place.random.seed, ", this run's of ",
         default_generator().state().seed);
  // What draws takes four words at a time, and no step as many as 2^40.
  const uint64_t offset = place.random.offset;
  const bool begun_here = place.notes.contains("model");  // not by 0.1.0
  if (offset % 4 != 0 || (begun_here && offset < first_random_) ||
      (offset > first_random_ && (offset - first_random_) >> 40 > uint64_t(place.step)))
    fail("its random numbers are at ", offset, " of their stream, where none is after ", place.step,
         " steps of a run that began at ", first_random_);
  TrainingRecord record;
  try {
    record.set(place.notes, per_epoch);
  } catch (const FileError& e) {
    fail(e.what());
  }
  // A step without samples is none of the optimiser's; this epoch's others are counted.
  if (place.updates < record.steps)
    fail(place.updates, " steps of the optimiser, but this epoch alone had ", record.steps);
  return record;
}

int64_t RunCheckpoints::resume(const nn::TrainingParts& parts, TrainingRecord& record) {
  std::vector<std::string> warnings;
  const auto place =
      files_.resume(parts, warnings, [&](const nn::TrainingPlace& found, const auto& file) {
        const auto settings = found.notes.find("settings");
        const std::string then = settings == found.notes.end() ? "" : settings->second;
        for (std::string& warning :
             check_same_settings(then, job_.settings, options_.may_differ_on_resume(), job_.out))
          warnings.push_back(std::move(warning));
        check_same_classes(found.notes, job_.data.class_names);
        // The model, and what prepares its inputs.
        const std::string model = difference("model", found.notes, job_.model_lines);
        check<UsageError>(model.empty(), model);
        // A broken picture may have been mended.
        const std::string data = difference("data", found.notes, data_lines_);
        const bool as_many = found.loader.samples == parts.loader.source().size();
        check<UsageError>(as_many || data.empty(), data);
        if (!data.empty())
          warnings.push_back(data + ": what follows is computed from the files as they are now");
        record = checked(found, parts, file);
      });
  check<UsageError>(place.has_value(), "--resume: ", job_.out.string(), " holds no checkpoint");
  if (record.kept_accuracy >= 0) {
    try {
      checked(nn::read_training_place(files_.best()), parts, files_.best());
    } catch (const FileError& e) {  // the next epoch's weights are better than none
      warnings.emplace_back(e.what());
      record.kept_accuracy = -1;
    }
  }
  warn(options_, warnings);
  newest_ = place->step;
  newest_file_ = whole_file_of(newest_);
  return place->step;
}

void RunCheckpoints::save_or_throw(const nn::TrainingParts& parts, int64_t step,
                                   const TrainingRecord& record) {
  newest_file_ = files_.save(parts, place(step, record)).string();
  newest_ = step;
}

void RunCheckpoints::save(const nn::TrainingParts& parts, int64_t step,
                          const TrainingRecord& record) {
  try {
    save_or_throw(parts, step, record);
  } catch (const FileError& e) {
    warn(options_, {str("no checkpoint: ", e.what())});
  }
}

void RunCheckpoints::keep_best(const nn::TrainingParts& parts, int64_t step, TrainingRecord& record,
                               double accuracy) {
  record.best_accuracy = std::max(record.best_accuracy, accuracy);
  if (!(accuracy > record.kept_accuracy)) return;
  TrainingRecord with = record;
  with.kept_accuracy = accuracy;
  try {
    files_.save_best(parts, place(step, with));
    record = with;
    if (newest_file_.empty()) newest_file_ = files_.best().string();
  } catch (const FileError& e) {
    warn(options_, {str("the best epoch is not kept: ", e.what())});
  }
}

int64_t RunCheckpoints::load_best(const nn::TrainingParts& parts, int64_t step,
                                  const TrainingRecord& record, std::string& problem) {
  try {
    const TrainingRecord kept =
        checked(nn::read_training_place(files_.best()), parts, files_.best());
    const nn::TrainingPlace place = nn::load_training_state(files_.best(), parts);
    if (kept.kept_accuracy < record.best_accuracy) {
      problem = "--save best: the best epoch, " + percent(record.best_accuracy) +
                " in validation, could not be kept; these are the weights of one with " +
                percent(kept.kept_accuracy);
    }
    return place.step;
  } catch (const FileError& e) {
    problem = str("--save best: the weights are the last epoch's: ", e.what());
    return step;
  }
}

std::string RunCheckpoints::whole_file_of(int64_t step) const {
  for (const auto& file : files_.files()) {
    try {
      if (nn::read_training_place(file).step == step) return file.string();
    } catch (const FileError&) {
      continue;  // resume() has named it
    }
  }
  return files_.best().string();
}

}  // namespace papilio::cli

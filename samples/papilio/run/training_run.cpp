#include "samples/papilio/run/training_run.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "samples/papilio/options/common.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/report/report_adapter.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/orthogonality.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/report_training.h"
#include "samples/papilio/run/run_files.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_results.h"
#include "samples/papilio/run/training_end.h"

namespace papilio::cli {

int TrainingRun::run() {
  RunSettings& s = settings();
  if (s.training.resume) resume_products(options(), s.common, s.out);
  // Settings that run.toml cannot hold are refused before anything is made.
  static_cast<void>(options().toml());
  std::optional<RunLock> lock;  // one rank alone writes
  if (is_first_rank())
    lock.emplace(prepare_run_folder(s.out,
                                    adapters() != nullptr ? ResultKind::adapter : ResultKind::model,
                                    s.training.resume, s.overwrite));
  const std::string plan = settle();
  if (!s.common.json) {
    std::printf("%s\n%s%s", command_.intro.c_str(), plan.c_str(), plan.empty() ? "" : "\n");
    std::fflush(stdout);
  }
  before_training();
  const TrainingEnd end = train_and_save(lock);
  if (!is_first_rank()) return 0;
  if (end.succeeded()) evaluate();
  const nlohmann::json results = results_of(end);
  if (end.weights == Weights::saved) {
    write_results_or_warn(options(), s.out, results);
    if (!command_.report_title.empty()) write_report(end);
  }
  if (s.common.json)
    print_json(results);
  else if (end.succeeded())
    std::printf("%s%s: %s\n", summary().c_str(), s.out.c_str(), written_in(s.out).c_str());
  return report_end(options(), end, s.out);
}

TrainingEnd TrainingRun::train_and_save(const std::optional<RunLock>& lock) {
  const RunSettings& s = settings();
  TrainingJob made = job();
  made.out = s.out, made.settings = options().toml();
  made.title = command_.method.empty() ? options().command() : command_.method;
  TrainingEnd end = run_training(made, s.training, options(), s.common);
  if (!lock) return end;
  if (!lock->is_there()) {
    end.fail(s.out + ": was removed while the run wrote into it");
    end.checkpoint.clear();  // and run.toml with it
  }
  std::error_code ignored;
  end.old_result =
      holds_result(s.out) &&
      (!s.training.resume || std::filesystem::exists(s.out + '/' + kResultSettings, ignored));
  if (end.weights == Weights::trained && holds_result(s.out) && !gives_numbers()) {
    end.fail("the model gives no number");
    end.weights = Weights::none;
    end.old_result = true;
  }
  if (adapters() != nullptr && end.weights == Weights::trained)
    warn(options(), orthogonality_warnings(*adapters()));
  save_result(end, [&] {
    write_result(s.out, [&](const std::filesystem::path& folder) { save(folder); });
  });
  return end;
}

nlohmann::json TrainingRun::results_of(const TrainingEnd& end) {
  nlohmann::json results = run_results(options(), settings(), model(), adapters(), end);
  if (!command_.method.empty()) {
    results["model"] = command_.model;
    results["method"] = command_.method;
  }
  if (command_.add_to_json) command_.add_to_json(results);
  add_results(results);
  return results;
}

void TrainingRun::write_report(const TrainingEnd& end) {
  const std::filesystem::path out = settings().out;
  write_report_or_warn(options(), out / "report.html", [&](report::RunReport& page) {
    page.title = command_.report_title;
    page.subject = command_.report_subject;
    const nn::ParameterCount count = nn::count_parameters(model());
    page.parameters = count.all;
    page.trainable = count.trainable;
    fill_report(page, end);
    report_training(page, out, end);
    report_adapter(page, adapters());
  });
}

}  // namespace papilio::cli

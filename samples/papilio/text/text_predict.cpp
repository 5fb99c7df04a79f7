#include "samples/papilio/text/text_predict.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/log_softmax.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/to.h"
#include "nn/eval_mode.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"
#include "nn/text/utf8.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/output/predictions_file.h"
#include "samples/papilio/output/table.h"
#include "tensor/creation.h"

namespace papilio::cli {

namespace {

// A token behind the text.
struct Next {
  std::string token;
  int64_t id;
  double probability;
};
struct Answer {
  std::string text;
  int64_t tokens = 0;
  double bits_per_byte = 0;  // of the text behind its first token; NaN of one token
  std::vector<Next> top;
};

Answer answer(nn::LanguageModel& model, const nn::Tokenizer& tokenizer, const std::string& text,
              size_t top) {
  const std::optional<size_t> broken = nn::first_invalid_utf8(text);
  check<UsageError>(!broken, printable(text), ": byte ", broken.value_or(0), " is not UTF-8");
  const std::vector<int64_t> ids = ids_of(tokenizer, text, printable(text));
  const auto n = int64_t(ids.size());
  const int64_t most = model.shape().max_positions;
  check<UsageError>(n > 0, "a text is empty: there is nothing to go on from");
  check<UsageError>(n <= most, printable(text), ": has ", n, " tokens, the model looks at ", most);
  const Tensor x = to(tensor<int64_t>(ids, {1, n}), nn::device_of(model));
  const std::vector<double> p = log_softmax(model(x)).to_vector<double>();  // (n, vocabulary)
  const size_t V = p.size() / ids.size();
  check<Error>(std::ranges::none_of(p, [](double v) { return std::isnan(v); }), printable(text),
               ": the model gives no number for it");
  Answer result{text, n, std::numeric_limits<double>::quiet_NaN(), {}};
  double nats = 0, bytes = 0;
  for (size_t i = 1; i < ids.size(); ++i) {
    nats -= p[(i - 1) * V + size_t(ids[i])];
    bytes += double(tokenizer.decode(std::vector{ids[i]}, true).size());
  }
  if (bytes > 0) result.bits_per_byte = nats / bytes / std::numbers::ln2;
  const double* last = p.data() + (ids.size() - 1) * V;
  // A vocabulary may be padded with rows that no token has.
  std::vector<int64_t> order(std::min(V, size_t(tokenizer.size())));
  std::iota(order.begin(), order.end(), int64_t(0));
  std::ranges::stable_sort(order, std::greater<>(), [&](int64_t id) { return last[id]; });
  order.resize(std::min(top, order.size()));
  for (const int64_t id : order) {
    const std::string token =
        tokenizer.token(id).empty() ? "" : tokenizer.decode(std::vector{id}, false);
    result.top.push_back({nn::valid_utf8(token), id, std::exp(last[id])});
  }
  return result;
}

nlohmann::json as_json(const std::vector<Answer>& answers) {
  nlohmann::json list = nlohmann::json::array();
  for (const Answer& a : answers) {
    nlohmann::json top = nlohmann::json::array();
    for (const auto& [token, id, probability] : a.top)
      top.push_back({{"token", token}, {"id", id}, {"probability", probability}});
    list.push_back(
        {{"text", a.text}, {"tokens", a.tokens}, {"bits_per_byte", a.bits_per_byte}, {"top", top}});
  }
  return list;
}

std::string as_table(const std::vector<Answer>& answers) {
  std::vector<std::vector<std::string>> rows{
      {"text", "bits a byte", "next", "probability", "then"}};
  const auto quoted = [](const std::string& token) { return '"' + printable(token) + '"'; };
  for (const Answer& a : answers) {
    std::vector<std::string> then;
    for (size_t k = 1; k < a.top.size(); ++k)
      then.push_back(quoted(a.top[k].token) + ' ' + percent(a.top[k].probability));
    rows.push_back({printable(a.text), short_number(a.bits_per_byte), quoted(a.top[0].token),
                    percent(a.top[0].probability), joined(then, ", ")});
  }
  return table(rows, 100);
}

}  // namespace

int predict_text(const Options& options, const TextQuestion& q, Common& common) {
  check<UsageError>(!q.texts.empty(), "nothing to predict: give texts to go on from");
  check<UsageError>(q.out.empty() || q.out.ends_with(".json"),
                    "--out: expected FILE.json for a language model, got ", printable(q.out));
  check_can_be_written(q.out);
  const Device device = device_of(common);
  set_threads(common);
  LoadedLanguageModel loaded = load_language_model(q.model, q.adapter, q.ignore_unused);
  warn(options, loaded.warnings);
  loaded.to(device);
  const nn::EvalMode eval_mode(*loaded.model);
  const NoGrad no_grad;
  std::vector<Answer> answers;
  for (const std::string& text : q.texts)
    answers.push_back(answer(*loaded.model, *loaded.tokenizer, text, size_t(q.top)));
  const nlohmann::json object{{"command", "predict"},
                              {"device", str(device)},
                              {"model", q.model},
                              {"predictions", as_json(answers)}};
  show_answers({.object = object,
                .table = as_table(answers),
                .file = json_text(object),
                .count = str(answers.size(), answers.size() == 1 ? " text" : " texts")},
               q.out, common.json);
  return 0;
}

}  // namespace papilio::cli

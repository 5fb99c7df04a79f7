// What a training run writes down as it goes.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "nn/models/vit.h"
#include "nn/train/csv_log.h"
#include "nn/train/progress.h"
#include "nn/train/speed.h"
#include "nn/train/spinner.h"
#include "nn/train/tensorboard_log.h"
#include "tensor/error.h"
#include "tests/nn/train/event_files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("TensorBoard: records, byte for byte") {
  CHECK(nn::crc32c("123456789") == 0xe3069283u);  // the polynomial's published check value
  CHECK(nn::crc32c("") == 0);
  const TemporaryFolder folder;
  nn::TensorboardLog log(folder / "events");
  log.write(300, {{"a/b", 0.5}, {"nan", std::nan("")}, {"c", -2}});
  log.write(301, {{"nan", std::nan("")}});
  CHECK(log.path().filename().string().starts_with("events.out.tfevents."));
  const std::vector<std::string> all = records(read_bytes(log.path()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].substr(9) == std::string("\x10\x00\x1a\x0d", 4) + "brain.Event:2");
  CHECK(all[1][0] == 0x09);
  CHECK(std::abs(number_at<double>(all[1], 1) - number_at<double>(all[0], 1)) < 1000);
  // step = 300; summary { value { tag "a/b" 0.5 } value { tag "c" -2 } }
  CHECK(all[1].substr(9) == std::string("\x10\xac\x02\x2a\x16", 5) +
                                std::string("\x0a\x0a\x0a\x03"
                                            "a/b\x15\x00\x00\x00\x3f",
                                            12) +
                                std::string("\x0a\x08\x0a\x01"
                                            "c\x15\x00\x00\x00\xc0",
                                            10));
  const nn::TensorboardLog second(folder / "events", 300);
  CHECK(second.path() != log.path());
  // A run that goes on: step = 300; session_log { status: START }
  const std::vector<std::string> again = records(read_bytes(second.path()));
  REQUIRE(again.size() == 2);
  CHECK(again[0].substr(9) == all[0].substr(9));
  CHECK(again[1].substr(9) == std::string("\x10\xac\x02\x3a\x02\x08\x01", 7));
  write_bytes(folder / "file", "");
  CHECK_THROWS_AS(nn::TensorboardLog(folder / "file"), FileError);
}

TEST_CASE("CSV: a run that goes on keeps the lines up to its step and drops the others") {
  const TemporaryFolder folder;
  const fs::path path = folder / "log.csv";
  const std::vector<std::string> columns{"epoch", "step", "loss"};
  {
    nn::CsvLog log(path, columns);
    for (int i = 1; i <= 4; ++i) log.write({double(i), 10.0 * i, 1.0 / i});
    CHECK_THROWS_WITH(log.write({1}), "CsvLog: expected 3 values, got 1");
  }
  const std::string whole = read_bytes(path);
  CHECK(whole.starts_with("epoch,step,loss\n1,10,1\n2,20,0.5\n"));
  {
    nn::CsvLog log(path, columns, "step", 20);
    CHECK(log.last_kept() == std::vector<double>{2, 20, 0.5});
    log.write({3, 30, 9});
  }
  CHECK(read_bytes(path) == "epoch,step,loss\n1,10,1\n2,20,0.5\n3,30,9\n");
  write_bytes(path, "epoch,step,loss\n1,10,1\n2,20\n2,20,0.");  // cut off
  { const nn::CsvLog log(path, columns, "step", 20); }
  CHECK(read_bytes(path) == "epoch,step,loss\n1,10,1\n");
  write_bytes(path, "other,columns\n1,2\n");
  { const nn::CsvLog log(path, columns, "step", 20); }
  CHECK(read_bytes(path) == "epoch,step,loss\n");
  CHECK_THROWS_WITH(nn::CsvLog(path, columns, "when", 1), "CsvLog: there is no column when");
  CHECK_THROWS_AS(nn::CsvLog(folder / "no" / "where", columns), FileError);
}

TEST_CASE("progress: plain lines that end with the state, the rate and its share of the peak") {
  const TemporaryFolder folder;
  std::FILE* out = std::fopen((folder / "out").c_str(), "w+");
  {
    nn::Progress progress(out, "train", 10);
    progress.set_done_before(4);
    progress.set_peak(1e30, 1);
    progress.update(7, 96, "loss 0.5");
  }
  std::fclose(out);
  const std::string text = read_bytes(folder / "out");
  CHECK(text.starts_with("train 7/10  "));
  CHECK(text.find(" images/s (0 % of peak)  loss 0.5  0:00, 0:00 to go\n") != std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
}

TEST_CASE("progress: a peak that is exceeded was measured badly, and is not shown") {
  const TemporaryFolder folder;
  std::FILE* out = std::fopen((folder / "out").c_str(), "w+");
  {
    nn::Progress progress(out, "train", 10);
    progress.set_peak(1e-30, 1);
    progress.update(7, 96, "loss 0.5");
  }
  std::fclose(out);
  const std::string text = read_bytes(folder / "out");
  CHECK(text.find(" images/s  loss 0.5") != std::string::npos);
  CHECK(text.find("peak") == std::string::npos);
}

TEST_CASE("a spinner that is over soon leaves no sign, and neither does one without a stream") {
  std::FILE* const out = std::tmpfile();
  REQUIRE(out != nullptr);
  { const nn::Spinner spinner(out, "reading"); }
  { const nn::Spinner none(nullptr, "reading"); }
  CHECK(std::ftell(out) == 0);
  std::fclose(out);
}

TEST_CASE("operations of a model: by hand for one layer") {
  nn::ViTForImageClassification model({.image_size = 8,
                                       .patch_size = 4,
                                       .num_channels = 1,
                                       .hidden_size = 6,
                                       .num_hidden_layers = 1,
                                       .num_attention_heads = 2,
                                       .intermediate_size = 10,
                                       .num_labels = 3});
  // 5 tokens: four projections 5x6x6, the MLP 5x6x10 twice, scores and their sums 5x5x6 each; 4
  // patches of 16 pixels.
  const double layer = 2.0 * (4 * 5 * 6 * 6 + 2 * 5 * 6 * 10 + 2 * 5 * 5 * 6),
               patches = 2.0 * 4 * 16 * 6;
  CHECK(nn::forward_operations(model.shape(), 8, 8) == layer + patches);
  CHECK(nn::training_operations(model, 8, 8) == 3 * (layer + patches));
  nn::set_trainable(model, false);
  nn::set_trainable(model.classifier, true);
  CHECK(nn::training_operations(model, 8, 8) == 2 * (layer + patches));
  // A larger image than the model was made for: 16 patches, 17 tokens.
  const double larger = 2.0 * (4 * 17 * 6 * 6 + 2 * 17 * 6 * 10 + 2 * 17 * 17 * 6);
  CHECK(nn::forward_operations(model.shape(), 16, 16) == larger + 4 * patches);
  CHECK(nn::measured_peak() > 0);
  CHECK(nn::measured_peak(DType::bfloat16) > 0);
}

}  // namespace papilio::test

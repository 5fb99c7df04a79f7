#include "nn/data/survey.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "nn/data/detail/start_threads.h"
#include "nn/data/formats/image.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

struct Looked {
  int64_t width = 0, height = 0, channels = 0;  // 0: not read
  std::string problem;
};

Looked look(const ImageDataset& data, int64_t i) {
  try {
    const Image image = data.sample(i);
    return {image.width, image.height, image.channels, ""};
  } catch (const FileError& e) {
    return {0, 0, 0, e.what()};
  } catch (const std::bad_alloc&) {
    return {0, 0, 0, data.name(i) + ": there is not enough memory for the picture"};
  }
}

ImageSurvey::Range range_of(std::vector<int64_t> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {values.front(), values[values.size() / 2], values.back()};
}

}  // namespace

ImageSurvey survey(const ImageDataset& data, int64_t threads,
                   const std::function<bool(int64_t done)>& on_progress) {
  check(threads >= 1, "survey: expected one thread or more, got ", threads);
  const int64_t size = data.size();
  std::vector<Looked> all(static_cast<size_t>(size));
  std::atomic<int64_t> next = 0, done = 0;
  std::atomic<int64_t> running = std::min(threads, std::max<int64_t>(size, 1));
  std::mutex mutex;
  std::exception_ptr error;  // anything but a corrupt picture
  const auto work = [&] {
    try {
      for (int64_t i; (i = next++) < size; ++done) all[size_t(i)] = look(data, i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      next = size;
    }
    --running;
  };
  const int64_t wanted = running;
  std::vector<std::thread> workers = start_threads("survey", wanted, work);
  running -= wanted - int64_t(workers.size());
  while (running > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (on_progress && !on_progress(done)) next = size;
  }
  for (std::thread& worker : workers) worker.join();
  if (error) std::rethrow_exception(error);

  ImageSurvey result;
  std::vector<int64_t> widths, heights;
  for (int64_t i = 0; i < size; ++i) {
    Looked& one = all[size_t(i)];
    if (!one.problem.empty()) result.corrupt.push_back({i, std::move(one.problem)});
    if (one.channels == 0) continue;
    ++result.readable;
    result.grey += one.channels == 1;
    widths.push_back(one.width);
    heights.push_back(one.height);
  }
  result.width = range_of(std::move(widths));
  result.height = range_of(std::move(heights));
  return result;
}

}  // namespace papilio::nn

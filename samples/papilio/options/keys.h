// What options are called in a run.toml that others read again: a run that goes on, and whoever
// uses its result.
#pragma once

namespace papilio::cli {

// Which data, and what was held out of them.
inline constexpr const char *kDataKey = "data", *kValidationShareKey = "validation-share",
                            *kTestShareKey = "test-share", *kSplitSeedKey = "split-seed";
// A merged model's run.toml says the same of its parts, in keys that begin so.
inline constexpr const char* kTrainedPrefix = "trained-";
// The sizes of a model's inputs.
inline constexpr const char *kImageSizeKey = "image-size", *kSequenceLengthKey = "sequence-length";
// What computes.
inline constexpr const char *kDeviceKey = "device", *kProductsKey = "products",
                            *kThreadsKey = "threads";

}  // namespace papilio::cli

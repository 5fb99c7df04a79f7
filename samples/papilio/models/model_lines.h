// What a model, and what prepares its inputs, compute with besides weights, in lines "key = value":
// all ranks of a run have the same, and so has a run that goes on.
#pragma once

#include <string>

#include "nn/data/transforms/image_processor.h"
#include "nn/diffusion/pipeline.h"
#include "nn/models/pretrained_model.h"
#include "nn/text/tokenizer.h"

namespace papilio::cli {

// Its configuration, "model.hidden_act = "gelu"", and how its layers are quantised, with a checksum
// of their codes.
std::string model_lines(nn::PretrainedModel& model, const std::string& name = "model");
// "processor.image_mean = [0.5,0.5,0.5]"
std::string processor_lines(const nn::ImageProcessor& processor);
// "tokenizer.vocabulary = 512 tokens, checksum 17"
std::string tokenizer_lines(const nn::Tokenizer& tokenizer);
// Those of its parts: "unet.sample_size = 64", "scheduler.beta_end = 0.012"
std::string pipeline_lines(nn::DiffusionPipeline& pipeline);

}  // namespace papilio::cli

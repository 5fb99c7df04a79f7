// What every model has that Hugging Face keeps in a folder: a configuration, and weights by name.
#pragma once

#include <map>
#include <string>

#include "nn/module.h"

namespace papilio {
class JsonFields;  // tensor/files/detail/json.h
}

namespace papilio::nn {

// Keys of a config.json with their values as JSON text.
using ConfigFields = std::map<std::string, std::string>;

// A backbone with its head, or a model that has none: a part of a pipeline.
struct PretrainedModel : Module {
  // What the config.json it came from says beside its computation: it is written back.
  ConfigFields other_config;

  // What it computes with, as its config.json says it, with model_type and architectures, or with
  // Diffusers' _class_name.
  virtual ConfigFields config_fields() const = 0;
  // The file of its weights without .safetensors.
  virtual std::string weights_name() const { return "model"; }
  // The module that holds the backbone, whose name files of the backbone alone leave out: "vit.";
  // empty if backbone and head lie side by side, or there is no head.
  virtual std::string backbone_prefix() const { return ""; }
  // Is this the path of the head (of one of them), or of what lies in it?
  virtual bool in_head(const std::string& /*path*/) { return false; }
  // Called if a folder's weights hold no head: a new one, drawn from the default generator. Returns
  // what is to say of it; nothing if the model is of no use so.
  virtual std::string make_new_head() { return ""; }
  // Called with a model folder's tensors, under the names of checkpoints, before they are loaded:
  // brings what folders have in several forms into the model's.
  virtual void before_loading(StateDict& /*tensors*/) {}
  // Why an adapter, or a copy of its own (modules_to_save), cannot be at this module; empty if it
  // can.
  virtual std::string refuses_adapter(const std::string& /*path*/) const { return ""; }
};

}  // namespace papilio::nn

"""The command that trains a model of any family and leaves a run folder.

python -m thrmlDenoising.train independent                        # at the family's defaults
python -m thrmlDenoising.train dtm my_config.yaml --exp.seed 7    # a YAML file, then overrides
python -m thrmlDenoising.train --resume model_logging_and_saving/run_20261121_120000
python -m thrmlDenoising.train dtm --help                         # every option of a family
"""
